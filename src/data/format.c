#include "data/format.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { OPEN_AT_ONCE_MAX = 16 };

static const ddla_data_format *const formats[] = {
#define DDLA_DATA_FORMAT(folder, name) &ddla_data_format_##name,
#include "data/data_list.h"
#undef DDLA_DATA_FORMAT
};
static const size_t format_count = sizeof formats / sizeof formats[0];

const char *ddla_dataset_format(const char **looks_for, int index) {
  if (index < 0 || (size_t)index >= format_count) return NULL;
  *looks_for = formats[index]->looks_for;
  return formats[index]->name;
}

/* Format number index, those that the source brings first; null behind the last. */
static const ddla_data_format *format_at(const ddla_data_source *source, size_t index) {
  const size_t brought = (size_t)source->format_count;
  if (index < brought) return source->formats[index];
  return index - brought < format_count ? formats[index - brought] : NULL;
}

static bool is_brought(const ddla_data_source *source, const ddla_data_format *format) {
  for (int i = 0; i < source->format_count; i++)
    if (source->formats[i] == format) return true;
  return false;
}

static bool accepts(const ddla_data_format *format, const ddla_data_source *source) {
  return format->accepts ? format->accepts(source)
                         : source->format && strcmp(source->format, format->name) == 0;
}

/* "idx: …; csv: …", or only the names. */
static void list_formats(char *out, size_t room, const ddla_data_source *source, bool in_full) {
  size_t used = 0;
  for (size_t i = 0; format_at(source, i) && used < room; i++) {
    const ddla_data_format *format = format_at(source, i);
    int wrote = snprintf(out + used, room - used, "%s%s%s%s", i == 0 ? "" : (in_full ? "; " : ", "),
                         format->name, in_full ? ": " : "", in_full ? format->looks_for : "");
    if (wrote > 0) used += (size_t)wrote;
  }
}

static ddla_status find_format(const ddla_data_format **out, const ddla_data_source *source) {
  char words[768] = "";
  if (!source->path || source->path[0] == '\0') {
    list_formats(words, sizeof words, source, true);
    return DDLA_FAIL(INVALID, "no path to data is given; expected one of %s", words);
  }
  bool named = source->format && strcmp(source->format, "auto") != 0;
  for (size_t i = 0; format_at(source, i); i++) {
    const ddla_data_format *format = format_at(source, i);
    if (named ? strcmp(source->format, format->name) != 0 : !accepts(format, source)) continue;
    *out = format;
    return DDLA_OK;
  }
  if (named) {
    list_formats(words, sizeof words, source, false);
    return DDLA_FAIL(INVALID, "no data format \"%s\"; expected one of %s", source->format, words);
  }
  list_formats(words, sizeof words, source, true);
  return DDLA_FAIL(INVALID, "%s holds no data of a known format; looked for %s", source->path,
                   words);
}

static ddla_status check_path(const ddla_data_source *source) {
  struct stat state = {0};
  if (!source->path || source->path[0] == '\0') return DDLA_OK; /* find_format says so */
  char whole[DDLA_DATA_PATH_BYTES];
  DDLA_TRY(ddla_data_path(whole, "%s", source->path));
  if (stat(source->path, &state) == 0) return DDLA_OK;
  for (size_t i = 0; format_at(source, i); i++)
    if (format_at(source, i)->needs_no_file && accepts(format_at(source, i), source))
      return DDLA_OK;
  char words[768] = "";
  list_formats(words, sizeof words, source, true);
  return DDLA_FAIL(INVALID, "cannot read %s: %s; looked for %s", source->path, strerror(errno),
                   words);
}

static ddla_status check_set(const ddla_dataset *set, const ddla_data_source *source) {
  if (set->count < 1) return DDLA_FAIL(INVALID, "%s holds no samples", source->path);
  DDLA_ASSERT(ddla_data_shape_count(set->shape) >= 1 && set->features);
  DDLA_ASSERT(!set->labels || set->classes.count >= 1);
  return DDLA_OK;
}

ddla_status ddla_dataset_open(ddla_dataset **out, const ddla_data_source *source) {
  DDLA_ASSERT(!source->class_names || source->class_count >= 1);
  const ddla_data_format *format = NULL;
  DDLA_TRY(check_path(source));
  DDLA_TRY(find_format(&format, source));
  ddla_dataset *set = NULL;
  DDLA_TRY(DDLA_NEW(set, 1));
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, format->read(set, source));
  if (is_brought(source, format)) DDLA_TRY_CLEAN(status, ddla_dataset_settle(set, source));
  DDLA_TRY_CLEAN(status, check_set(set, source));
  if (!set->sealed) ddla_dataset_seal(set);
  *out = set;
  set = NULL;
cleanup:
  ddla_dataset_close(set);
  return status;
}

const char *ddla_dataset_format_of(const ddla_data_source *source) {
  const ddla_data_format *format = NULL;
  if (check_path(source) != DDLA_OK || find_format(&format, source) != DDLA_OK) return NULL;
  return format->name;
}

bool ddla_dataset_has_part(const ddla_data_source *source) {
  const ddla_data_format *format = NULL;
  if (check_path(source) != DDLA_OK || find_format(&format, source) != DDLA_OK) return false;
  return format->has_part && format->has_part(source);
}

typedef struct opening {
  pthread_t thread;
  bool started;
  const ddla_data_source *source;
  ddla_dataset *set;
  ddla_failure failure; /* code DDLA_OK: none */
} opening;

static void *open_one(void *argument) {
  opening *work = argument;
  ddla_status status = ddla_dataset_open(&work->set, work->source);
  if (status != DDLA_OK) ddla_status_take(&work->failure, status);
  return NULL;
}

ddla_status ddla_dataset_open_all(ddla_dataset **out, const ddla_data_source *sources, int count) {
  DDLA_ASSERT(count >= 1 && count <= OPEN_AT_ONCE_MAX);
  opening *work = NULL;
  DDLA_TRY(DDLA_NEW(work, count));
  for (int i = 0; i < count; i++) work[i].source = &sources[i];
  for (int i = 1; i < count; i++) /* the first, the largest by habit, is read by this thread */
    work[i].started = pthread_create(&work[i].thread, NULL, open_one, &work[i]) == 0;
  for (int i = 0; i < count; i++)
    if (!work[i].started) open_one(&work[i]);
  for (int i = 1; i < count; i++)
    if (work[i].started) pthread_join(work[i].thread, NULL);
  ddla_status status = DDLA_OK;
  for (int i = 0; i < count && status == DDLA_OK; i++)
    if (work[i].failure.code != DDLA_OK) status = ddla_status_raise(&work[i].failure);
  for (int i = 0; i < count; i++) {
    if (status == DDLA_OK) out[i] = work[i].set;
    else ddla_dataset_close(work[i].set);
  }
  ddla_free(work);
  return status;
}
