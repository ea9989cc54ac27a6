/* Writing files all or nothing (the pattern of "Files are hard": temporary name, fsync, rename,
 * fsync of the directory), and directories. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/sha256.h"

enum { BUFFER_BYTES = 256 * 1024 };

struct ddla_file_writer {
  char *path, *temporary;
  int fd;
  bool digest, exists; /* exists: the temporary file is there to be removed */
  ddla_sha256 sha256;
  size_t used;
  char buffer[BUFFER_BYTES];
};

static _Atomic unsigned names_made; /* so that two threads do not use one temporary name */

static ddla_status temporary_name(char **out, const char *path) {
  size_t bytes = strlen(path) + 48;
  char *name = NULL;
  DDLA_TRY(DDLA_NEW(name, bytes));
  unsigned number = atomic_fetch_add(&names_made, 1);
  snprintf(name, bytes, "%s.tmp-%ld-%u", path, (long)getpid(), number);
  *out = name;
  return DDLA_OK;
}

/* A file of an earlier process that had the same number may be left over; the next number is tried.
 */
static ddla_status open_temporary(ddla_file_writer *w) {
  int reason = EEXIST;
  for (int attempt = 0; attempt < 100 && reason == EEXIST; attempt++) {
    ddla_free(w->temporary);
    w->temporary = NULL;
    DDLA_TRY(temporary_name(&w->temporary, w->path));
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    w->exists = w->fd >= 0;
    if (w->exists) return DDLA_OK;
    reason = errno;
  }
  return ddla_file_fail(reason, "cannot write", w->path);
}

ddla_status ddla_file_create(ddla_file_writer **out, const char *path, bool digest) {
  ddla_file_writer *w = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(w, 1));
  w->fd = -1;
  w->digest = digest;
  ddla_sha256_init(&w->sha256);
  DDLA_TRY_CLEAN(status, ddla_alloc_text(&w->path, path));
  DDLA_TRY_CLEAN(status, open_temporary(w));
  *out = w;
  w = NULL;
cleanup:
  ddla_file_destroy(w);
  return status;
}

static ddla_status write_all(ddla_file_writer *w, const char *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t done = write(w->fd, data, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return ddla_file_fail(errno, "cannot write", w->path);
    data += done;
    bytes -= (size_t)done;
  }
  return DDLA_OK;
}

static ddla_status flush(ddla_file_writer *w) {
  size_t used = w->used;
  w->used = 0;
  return write_all(w, w->buffer, used);
}

ddla_status ddla_file_append(ddla_file_writer *w, const void *data, size_t bytes) {
  if (bytes == 0) return DDLA_OK; /* data may be null then */
  if (w->digest) ddla_sha256_add(&w->sha256, data, bytes);
  if (bytes > BUFFER_BYTES - w->used) DDLA_TRY(flush(w));
  if (bytes > BUFFER_BYTES) return write_all(w, data, bytes);
  memcpy(w->buffer + w->used, data, bytes);
  w->used += bytes;
  return DDLA_OK;
}

ddla_status ddla_file_rewrite(ddla_file_writer *w, const void *data, size_t bytes) {
  DDLA_ASSERT(!w->digest);
  DDLA_TRY(flush(w));
  if (lseek(w->fd, 0, SEEK_SET) != 0) return ddla_file_fail(errno, "cannot write", w->path);
  DDLA_TRY(write_all(w, data, bytes));
  return lseek(w->fd, 0, SEEK_END) < 0 ? ddla_file_fail(errno, "cannot write", w->path) : DDLA_OK;
}

static ddla_status sync_and_close(ddla_file_writer *w) {
  ddla_status status = DDLA_OK;
  if (fsync(w->fd) != 0) status = ddla_file_fail(errno, "cannot write", w->path);
  int closed = close(w->fd);
  w->fd = -1;
  if (status == DDLA_OK && closed != 0) status = ddla_file_fail(errno, "cannot write", w->path);
  return status;
}

static ddla_status sync_parent(const char *path) {
  char *parent = NULL;
  DDLA_TRY(ddla_alloc_text(&parent, path));
  char *slash = strrchr(parent, '/');
  if (slash == parent) slash++;
  if (slash) *slash = '\0';
  ddla_status status = ddla_file_sync_directory(slash ? parent : ".");
  ddla_free(parent);
  return status;
}

ddla_status ddla_file_commit(char *sha256, ddla_file_writer *w) {
  DDLA_TRY(flush(w));
  DDLA_TRY(sync_and_close(w));
  if (rename(w->temporary, w->path) != 0) return ddla_file_fail(errno, "cannot write", w->path);
  w->exists = false;
  DDLA_TRY(sync_parent(w->path));
  if (sha256) ddla_sha256_finish(sha256, &w->sha256);
  return DDLA_OK;
}

void ddla_file_destroy(ddla_file_writer *w) {
  if (!w) return;
  if (w->fd >= 0) close(w->fd);
  if (w->exists) unlink(w->temporary);
  ddla_free(w->temporary);
  ddla_free(w->path);
  ddla_free(w);
}

ddla_status ddla_file_write(const char *path, const void *data, size_t bytes) {
  ddla_file_writer *writer = NULL;
  ddla_status status = ddla_file_create(&writer, path, false);
  if (status == DDLA_OK) status = ddla_file_append(writer, data, bytes);
  if (status == DDLA_OK) status = ddla_file_commit(NULL, writer);
  ddla_file_destroy(writer);
  return status;
}

static ddla_status make_one(const char *path) {
  struct stat info;
  if (mkdir(path, 0777) == 0) {
    (void)!sync_parent(path); /* durable, where it can be */
    return DDLA_OK;
  }
  int reason = errno;
  if (stat(path, &info) == 0) {
    if (S_ISDIR(info.st_mode)) return DDLA_OK;
    reason = ENOTDIR;
  }
  return ddla_file_fail(reason, "cannot make the directory", path);
}

ddla_status ddla_file_make_directory(const char *path) {
  char *part = NULL;
  DDLA_TRY(ddla_alloc_text(&part, path));
  ddla_status status = DDLA_OK;
  for (char *slash = part; status == DDLA_OK && *slash; slash++) {
    if (*slash != '/' || slash == part) continue;
    *slash = '\0';
    status = make_one(part);
    *slash = '/';
  }
  if (status == DDLA_OK) status = make_one(part);
  ddla_free(part);
  return status;
}

ddla_status ddla_file_sync_directory(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ddla_file_fail(errno, "cannot open", path);
  int failed = fsync(fd), reason = errno;
  close(fd);
  /* some network file systems know no fsync of a directory */
  if (failed && reason != EINVAL && reason != ENOTSUP)
    return ddla_file_fail(reason, "cannot sync", path);
  return DDLA_OK;
}

static ddla_status remove_entries(DIR *directory, const char *path) {
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (!entry && errno != 0) return ddla_file_fail(errno, "cannot read", path);
    if (!entry) return DDLA_OK;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    bool gone = unlinkat(dirfd(directory), entry->d_name, 0) == 0 || errno == ENOENT;
    if (!gone) return ddla_file_fail(errno, "cannot empty", path);
  }
}

ddla_status ddla_file_remove_directory(const char *path) {
  DIR *directory = opendir(path);
  if (!directory && errno == ENOENT) return DDLA_OK;
  if (!directory) return ddla_file_fail(errno, "cannot remove", path);
  ddla_status status = remove_entries(directory, path);
  closedir(directory);
  if (status == DDLA_OK && rmdir(path) != 0) status = ddla_file_fail(errno, "cannot remove", path);
  return status;
}
