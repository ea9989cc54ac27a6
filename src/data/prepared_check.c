/* Looks at every byte of a part of a prepared set. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/xxh3.h"
#include "data/format.h"
#include "data/prepared.h"

typedef struct check {
  ddla_prepared_verdict *verdict;
  void (*tell)(const char *words, void *argument);
  void *argument;
} check;

static void tell(const char *words, void *argument) {
  check *self = argument;
  self->verdict->damages++;
  self->tell(words, self->argument);
}

/* What a user cannot mend is told; what kept the check from looking is a failure. */
static ddla_status tell_failure(check *self, ddla_status status) {
  if (status != DDLA_CORRUPT && status != DDLA_INVALID && status != DDLA_UNSUPPORTED) return status;
  tell(ddla_status_message(status), self);
  return DDLA_OK;
}

/* A root that stands on the content, for what is computed from it. */
static void stand_on(ddla_dataset *set, const ddla_prepared_index *index,
                     const ddla_prepared_content *content) {
  const ddla_data_records *r = &index->records;
  *set = (ddla_dataset){.type = r->type,
                        .shape = r->shape,
                        .count = r->count,
                        .length = r->length,
                        .features = content->stream[DDLA_PREPARED_FEATURES].data,
                        .features_block = content->stream[DDLA_PREPARED_FEATURES],
                        .labels = (int32_t *)(void *)content->stream[DDLA_PREPARED_LABELS].data,
                        .targets = (float *)(void *)content->stream[DDLA_PREPARED_TARGETS].data,
                        .target_count = r->targets,
                        .classes = index->classes};
}

/* Content whose blocks are whole: numbers in range, and the hashes that the index gives for all of
 * it. */
static ddla_status check_content(const ddla_prepared_index *index,
                                 const ddla_prepared_content *content, const char *path) {
  ddla_dataset set;
  stand_on(&set, index, content);
  DDLA_TRY(ddla_dataset_settle(&set, &(ddla_data_source){.path = path}));
  ddla_dataset_seal(&set);
  const bool text = set.type == DDLA_DATA_TOKENS;
  const bool same = set.features_hash == index->features_hash &&
                    (text || (set.fingerprint.low == index->fingerprint.low &&
                              set.fingerprint.high == index->fingerprint.high));
  if (same) return DDLA_OK;
  return DDLA_FAIL(CORRUPT,
                   "%s: every block is whole, but the fingerprint is not that of the content; "
                   "prepare the set anew",
                   path);
}

static void count_files(ddla_prepared_verdict *out, const ddla_prepared_index *index) {
  const ddla_data_records *r = &index->records;
  out->samples = r->type == DDLA_DATA_TOKENS ? r->length : r->count;
  out->blocks = index->block_count;
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++) {
    const int64_t files = ddla_prepared_files(index, (ddla_prepared_stream)s);
    out->files += files;
    for (int64_t f = 0; f < files; f++)
      out->bytes +=
          ddla_prepared_file_at(index, (ddla_prepared_stream)s, f).bytes + DDLA_PREPARED_FOOT_BYTES;
  }
}

static ddla_status check_part(check *self, const ddla_prepared_index *index,
                              const char *directory) {
  char path[DDLA_DATA_PATH_BYTES];
  const ddla_prepared_loading loading = {.tell = tell, .argument = self, .forgives_files = true};
  ddla_prepared_content content = {0};
  DDLA_TRY(ddla_prepared_index_path(path, directory, index->part));
  count_files(self->verdict, index);
  DDLA_TRY(ddla_prepared_load(&content, index, directory, &loading));
  ddla_status status = DDLA_OK;
  if (content.damaged_blocks == 0) {
    status = check_content(index, &content, path);
    if (status != DDLA_OK) status = tell_failure(self, status);
  }
  ddla_prepared_content_release(&content);
  return status;
}

ddla_status ddla_prepared_verify(ddla_prepared_verdict *out, const char *directory,
                                 ddla_data_part part,
                                 void (*told)(const char *words, void *argument), void *argument) {
  ddla_prepared_verdict verdict = {0};
  check self = {.verdict = &verdict, .tell = told, .argument = argument};
  ddla_prepared_index index = {0};
  ddla_status status = ddla_prepared_index_read(&index, directory, part);
  if (status == DDLA_OK) status = check_part(&self, &index, directory);
  else status = tell_failure(&self, status);
  ddla_prepared_index_fini(&index);
  if (status == DDLA_OK) *out = verdict;
  return status;
}
