#include "data/prepared/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/file.h"

static const char mark[] = ".tmp-";

struct ddla_stage {
  char target[DDLA_DATA_PATH_BYTES], parent[DDLA_DATA_PATH_BYTES];
  char path[DDLA_DATA_PATH_BYTES + 64]; /* the temporary one; "": there is none */
  int lock;                             /* of the temporary directory; -1: none */
};

/* The target without slashes at its end, and the directory that it is in. */
static ddla_status split_path(ddla_stage *stage, const char *directory) {
  DDLA_TRY(ddla_data_path(stage->target, "%s", directory));
  size_t length = strlen(stage->target);
  while (length > 1 && stage->target[length - 1] == '/') stage->target[--length] = '\0';
  if (length == 0 || strcmp(stage->target, "/") == 0)
    return DDLA_FAIL(INVALID, "'%s' cannot be the directory of a set; name a new one", directory);
  return ddla_data_parent(stage->parent, stage->target);
}

/* Locks a directory for as long as the descriptor is open; -1 with errno. A file system that knows
 * no locks of directories (EBADF, ENOLCK, ENOSYS) gives none. */
static int lock_directory(const char *path) {
  int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 || flock(file, LOCK_EX | LOCK_NB) == 0) return file;
  const int reason = errno;
  close(file);
  errno = reason;
  return -1;
}

/* Whether the path is still that of the directory which is open. */
static bool is_there(const char *path, int directory) {
  struct stat here, named;
  return fstat(directory, &here) == 0 && lstat(path, &named) == 0 && here.st_ino == named.st_ino &&
         here.st_dev == named.st_dev;
}

/* Removes one of this user's that nobody holds. */
static void remove_left_over(const char *path) {
  struct stat found;
  int lock = lock_directory(path);
  if (lock < 0) return;
  if (fstat(lock, &found) == 0 && found.st_uid == geteuid() && is_there(path, lock))
    (void)!ddla_file_remove_directory(path); /* what cannot be removed stays */
  close(lock);
}

/* Whether this is what make_temporary puts behind the target's name: two numbers. */
static bool is_temporary(const char *name) {
  if (strncmp(name, mark, sizeof mark - 1) != 0) return false;
  name += sizeof mark - 1;
  const size_t process = strspn(name, "0123456789");
  if (process == 0 || name[process] != '-') return false;
  name += process + 1;
  const size_t attempt = strspn(name, "0123456789");
  return attempt > 0 && name[attempt] == '\0';
}

/* What was left for this target by processes that were killed. */
static void remove_left_overs(const ddla_stage *stage) {
  const char *slash = strrchr(stage->target, '/'), *name = slash ? slash + 1 : stage->target;
  const size_t length = strlen(name);
  DIR *folder = opendir(stage->parent);
  if (!folder) return;
  for (struct dirent *entry; (entry = readdir(folder));) {
    char path[DDLA_DATA_PATH_BYTES];
    if (strncmp(entry->d_name, name, length) == 0 && is_temporary(entry->d_name + length) &&
        ddla_data_path(path, "%s/%s", stage->parent, entry->d_name) == DDLA_OK)
      remove_left_over(path);
  }
  closedir(folder);
}

/* Locks the new directory. False: another process that looks for what is left over came between. */
static bool hold(ddla_stage *stage) {
  stage->lock = lock_directory(stage->path);
  if (stage->lock < 0) return errno != EWOULDBLOCK && errno != ENOENT;
  if (is_there(stage->path, stage->lock)) return true;
  close(stage->lock);
  stage->lock = -1;
  return false;
}

static ddla_status make_temporary(ddla_stage *stage) {
  int reason = EEXIST;
  for (int attempt = 0; attempt < 100; attempt++) {
    snprintf(stage->path, sizeof stage->path, "%s%s%ld-%d", stage->target, mark, (long)getpid(),
             attempt);
    const bool made = mkdir(stage->path, 0777) == 0;
    if (made && hold(stage)) return DDLA_OK;
    reason = errno;
    if (made) (void)rmdir(stage->path); /* unless it is gone */
    else if (reason != EEXIST) break;
  }
  stage->path[0] = '\0';
  return ddla_file_fail(reason, "cannot make a directory beside", stage->target);
}

ddla_status ddla_stage_create(ddla_stage **out, const char *directory) {
  ddla_stage *stage = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(stage, 1));
  stage->lock = -1;
  DDLA_TRY_CLEAN(status, split_path(stage, directory));
  DDLA_TRY_CLEAN(status, ddla_file_make_directory(stage->parent));
  remove_left_overs(stage);
  DDLA_TRY_CLEAN(status, make_temporary(stage));
  *out = stage;
  stage = NULL;
cleanup:
  ddla_stage_destroy(stage);
  return status;
}

const char *ddla_stage_path(const ddla_stage *stage) { return stage->path; }

/* A directory takes the place of an empty one only, so of two processes one comes too late. */
ddla_status ddla_stage_commit(ddla_stage *stage) {
  DDLA_TRY(ddla_file_sync_directory(stage->path));
  if (rename(stage->path, stage->target) != 0) {
    const int reason = errno;
    if (reason == EEXIST || reason == ENOTEMPTY || reason == ENOTDIR)
      return DDLA_FAIL(
          INVALID,
          "%s was made by another process in the meantime; it stays as it is, and what "
          "was written here is removed",
          stage->target);
    return ddla_file_fail(reason, "cannot give its name to", stage->target);
  }
  stage->path[0] = '\0';
  return ddla_file_sync_directory(stage->parent);
}

void ddla_stage_destroy(ddla_stage *stage) {
  if (!stage) return;
  if (stage->path[0]) (void)!ddla_file_remove_directory(stage->path); /* the failure is told */
  if (stage->lock >= 0) close(stage->lock);
  ddla_free(stage);
}
