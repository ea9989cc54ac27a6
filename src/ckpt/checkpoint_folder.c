/* The folder of a run's checkpoints: which are there, the newest whole one, and pruning. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "ckpt/checkpoint_parts.h"

enum { NAME_BYTES = 64, LISTED_MAX = 4096 };

/* Names of checkpoints, newest first, and of what interrupted writes left. */
typedef struct listing {
  int count, stray_count;
  struct listed {
    uint64_t step;
    char name[NAME_BYTES];
  } * at;
  char (*strays)[NAME_BYTES];
} listing;

static bool is_step(uint64_t *step, const char *name) {
  const char *digits = name + 5;
  if (strncmp(name, "step-", 5) != 0) return false;
  size_t count = strspn(digits, "0123456789");
  if (count < 8 || count > 19 || digits[count] != '\0') return false;
  *step = strtoull(digits, NULL, 10);
  return true;
}

static bool is_stray(const char *name) {
  return strncmp(name, "step-", 5) == 0 && strstr(name, ".tmp-");
}

static void list_one(listing *out, const char *name) {
  uint64_t step = 0;
  if (strlen(name) >= NAME_BYTES) return;
  if (is_step(&step, name) && out->count < LISTED_MAX) {
    out->at[out->count].step = step;
    memcpy(out->at[out->count++].name, name, strlen(name) + 1);
  } else if (is_stray(name) && out->stray_count < LISTED_MAX) {
    memcpy(out->strays[out->stray_count++], name, strlen(name) + 1);
  }
}

static int newest_first(const void *a, const void *b) {
  const struct listed *x = a, *y = b;
  return x->step > y->step ? -1 : x->step < y->step;
}

static void destroy_listing(listing *list) {
  ddla_free(list->at);
  ddla_free(list->strays);
}

static ddla_status list_open(listing *out, DIR *directory, const char *folder) {
  DDLA_TRY(DDLA_NEW(out->at, LISTED_MAX));
  DDLA_TRY(DDLA_NEW(out->strays, LISTED_MAX));
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (!entry && errno != 0) return ddla_file_fail(errno, "cannot read", folder);
    if (!entry) break;
    list_one(out, entry->d_name);
  }
  qsort(out->at, (size_t)out->count, sizeof out->at[0], newest_first);
  return DDLA_OK;
}

/* A missing folder lists nothing. Destroy the listing also after a failure. */
static ddla_status list_folder(listing *out, const char *folder) {
  DIR *directory = opendir(folder);
  if (!directory && errno == ENOENT) return DDLA_OK;
  if (!directory) return ddla_file_fail(errno, "cannot read", folder);
  ddla_status status = list_open(out, directory, folder);
  closedir(directory);
  return status;
}

ddla_status ddla_checkpoint_remove(const char *path) {
  char suffix[32], *gone = NULL;
  snprintf(suffix, sizeof suffix, ".tmp-old-%ld", (long)getpid());
  DDLA_TRY(ddla_checkpoint_join(&gone, path, suffix, ""));
  ddla_status status = ddla_file_remove_directory(gone);
  if (status == DDLA_OK && rename(path, gone) == 0) status = ddla_file_remove_directory(gone);
  else if (status == DDLA_OK && errno != ENOENT)
    status = ddla_file_fail(errno, "cannot move", path);
  ddla_free(gone);
  return status;
}

static ddla_status remove_named(const char *folder, const char *name, bool stray) {
  char *path = NULL;
  DDLA_TRY(ddla_checkpoint_join(&path, folder, "/", name));
  ddla_status status = stray ? ddla_file_remove_directory(path) : ddla_checkpoint_remove(path);
  ddla_free(path);
  return status;
}

/* The one just written always stays, also where abandoned ones of later steps lie beside it. */
ddla_status ddla_checkpoint_prune(const char *folder, uint64_t written, int keep) {
  listing list = {0};
  ddla_status status = list_folder(&list, folder);
  for (int i = 0, kept = 1; status == DDLA_OK && i < list.count; i++) {
    if (list.at[i].step == written || kept++ < keep) continue;
    status = remove_named(folder, list.at[i].name, false);
  }
  for (int i = 0; status == DDLA_OK && i < list.stray_count; i++) {
    status = remove_named(folder, list.strays[i], true);
  }
  destroy_listing(&list);
  return status;
}

static ddla_status verify_at(const char *path) {
  ddla_checkpoint_file *file = NULL;
  ddla_status status = ddla_checkpoint_open(&file, path);
  if (status == DDLA_OK) status = ddla_checkpoint_verify(file);
  ddla_checkpoint_close(file);
  return status;
}

ddla_status ddla_checkpoint_find_newest(char **path, const char *folder) {
  listing list = {0};
  ddla_failure first = {0};
  char *found = NULL;
  ddla_status status = list_folder(&list, folder);
  for (int i = 0; status == DDLA_OK && i < list.count && !found; i++) {
    char *candidate = NULL;
    status = ddla_checkpoint_join(&candidate, folder, "/", list.at[i].name);
    if (status != DDLA_OK) break;
    status = verify_at(candidate);
    if (status == DDLA_OK) {
      found = candidate;
      break;
    }
    ddla_free(candidate);
    if (status != DDLA_CORRUPT && status != DDLA_INVALID) break;
    ddla_log_line(DDLA_LOG_WARN, "passing over a checkpoint: %s", ddla_status_message(status));
    if (first.code == DDLA_OK) ddla_status_take(&first, status);
    status = DDLA_OK;
  }
  destroy_listing(&list);
  if (status != DDLA_OK) return status;
  if (!found && first.code != DDLA_OK) return ddla_status_raise(&first);
  *path = found;
  return DDLA_OK;
}
