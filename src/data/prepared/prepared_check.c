/* Looks at every byte of a part of a prepared set, as many blocks at a time as fit into a little
 * memory. Several threads read, hash and unpack them; one goes through what is in them, in order.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/crew.h"
#include "data/format.h"
#include "data/prepared/prepared.h"
#include "data/prepared/sealer.h"
#include "data/summer.h"

/* Of blocks as they are in the stream; one is taken always. */
enum { BATCH_BYTES = 32 << 20, BATCH_BLOCKS = 64 };

typedef struct check {
  ddla_prepared_verdict *verdict;
  void (*told)(const char *words, void *argument);
  void *argument;
  const ddla_prepared_index *index;
  char directory[DDLA_DATA_PATH_BYTES];
  char path[DDLA_DATA_PATH_BYTES]; /* of the part file at hand; it is open as `file` */
  int file;
  int64_t first;              /* block of the batch */
  int64_t most;               /* blocks of a batch */
  size_t room;                /* of a block as it is stored */
  uint8_t *stored, *unpacked; /* [most, room], [most, block_bytes] */
  ddla_failure *failure;      /* [most] */
  ddla_failure content;       /* the first number that is out of range */
  ddla_data_sealer *sealer;
  ddla_data_summer *summer; /* null: the index has no sums */
} check;

static void tell(check *self, const char *words) {
  self->verdict->damages++;
  self->told(words, self->argument);
}

/* What a user cannot mend is told; what kept the check from looking is a failure. */
static ddla_status tell_failure(check *self, ddla_status status) {
  if (status != DDLA_CORRUPT && status != DDLA_INVALID && status != DDLA_UNSUPPORTED) return status;
  tell(self, ddla_status_message(status));
  return DDLA_OK;
}

/* ---- blocks ---- */

static ddla_status read_block(uint8_t *out, const check *self, const ddla_prepared_block *said) {
  for (size_t done = 0; done < said->bytes;) {
    const ssize_t got =
        pread(self->file, out + done, said->bytes - done, (off_t)(said->offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return ddla_file_fail(got < 0 ? errno : EIO, "cannot read", self->path);
    done += (size_t)got;
  }
  return DDLA_OK;
}

/* What a block of the batch holds. */
static uint8_t *content_of(const check *self, int64_t item) {
  return self->index->compressed ? self->unpacked + (size_t)item * self->index->block_bytes
                                 : self->stored + (size_t)item * self->room;
}

static ddla_status look_at(int64_t item, int thread, void *argument) {
  check *self = argument;
  const int64_t block = self->first + item;
  uint8_t *stored = self->stored + (size_t)item * self->room;
  (void)thread;
  self->failure[item].code = DDLA_OK;
  DDLA_TRY(read_block(stored, self, &self->index->blocks[block]));
  ddla_status status =
      ddla_prepared_block_check(content_of(self, item), self->index, block, stored, self->path);
  if (status != DDLA_CORRUPT) return status;
  ddla_status_take(&self->failure[item], status);
  return DDLA_OK;
}

/* ---- content ---- */

/* Labels and tokens choose memory: each must be one of the classes. */
static ddla_status check_range(const check *self, ddla_prepared_stream stream, uint64_t place,
                               const uint8_t *content, size_t bytes) {
  char path[DDLA_DATA_PATH_BYTES];
  const bool text = self->index->records.type == DDLA_DATA_TOKENS;
  const int classes = self->index->classes.count;
  const size_t size = text ? sizeof(uint16_t) : sizeof(int32_t);
  if (!text && stream != DDLA_PREPARED_LABELS) return DDLA_OK;
  for (size_t at = 0; at < bytes; at += size) {
    uint16_t token = 0;
    int32_t number = 0;
    memcpy(text ? (void *)&token : (void *)&number, content + at, size);
    if (text) number = token;
    if (number >= 0 && number < classes) continue;
    DDLA_TRY(ddla_prepared_index_path(path, self->directory, self->index->part));
    return DDLA_FAIL(INVALID, "%s: %s %d of %s %" PRIu64 " is out of range; expected 0 to %d", path,
                     text ? "number" : "label", (int)number, text ? "token" : "sample",
                     (place + at) / size, classes - 1);
  }
  return DDLA_OK;
}

/* What follows from content is only looked at as long as all of it was whole. */
static void go_through(check *self, ddla_prepared_stream stream, int64_t item) {
  const int64_t block = self->first + item;
  const uint64_t place =
      (uint64_t)(block - self->index->stream_first[stream]) * self->index->block_bytes;
  const uint8_t *content = content_of(self, item);
  const size_t bytes = ddla_prepared_block_bytes(self->index, stream, block);
  ddla_data_sealer_add(self->sealer, (int)stream, content, bytes);
  if (self->summer && stream == DDLA_PREPARED_FEATURES)
    ddla_data_summer_add(self->summer, content, bytes);
  if (self->content.code != DDLA_OK) return;
  const ddla_status status = check_range(self, stream, place, content, bytes);
  if (status != DDLA_OK) ddla_status_take(&self->content, status);
}

static ddla_status check_batch(check *self, ddla_prepared_stream stream, int64_t count) {
  DDLA_TRY(ddla_crew_run(count, ddla_crew_threads(0, count), look_at, self));
  for (int64_t i = 0; i < count; i++)
    if (self->failure[i].code != DDLA_OK) tell(self, self->failure[i].text);
    else if (self->verdict->damages == 0) go_through(self, stream, i);
  self->first += count;
  return DDLA_OK;
}

static ddla_status check_file(check *self, ddla_prepared_stream stream, int64_t number) {
  const ddla_prepared_file part = ddla_prepared_file_at(self->index, stream, number);
  DDLA_TRY(ddla_prepared_file_path(self->path, self->directory, self->index, stream, number));
  ddla_status status =
      ddla_prepared_file_open(&self->file, self->path, self->index, stream, number);
  if (status != DDLA_OK) return tell_failure(self, status);
  for (self->first = part.first; self->first < part.end && status == DDLA_OK;) {
    const int64_t rest = part.end - self->first;
    status = check_batch(self, stream, rest < self->most ? rest : self->most);
  }
  close(self->file);
  return status;
}

/* ---- the part ---- */

static ddla_status begin(check *self, const ddla_prepared_index *index) {
  const int64_t fit = BATCH_BYTES / (int64_t)index->block_bytes;
  self->index = index;
  self->most = fit < 1 ? 1 : fit < BATCH_BLOCKS ? fit : BATCH_BLOCKS;
  self->room = (index->compressed ? 2 : 1) * index->block_bytes;
  DDLA_TRY(DDLA_NEW(self->stored, (size_t)self->most * self->room));
  if (index->compressed)
    DDLA_TRY(DDLA_NEW(self->unpacked, (size_t)self->most * index->block_bytes));
  DDLA_TRY(DDLA_NEW(self->failure, self->most));
  DDLA_TRY(ddla_data_sealer_create(&self->sealer, &index->records));
  return index->sums ? ddla_data_summer_create(&self->summer, &index->records, index->sums)
                     : DDLA_OK;
}

static void end(check *self) {
  ddla_free(self->stored);
  ddla_free(self->unpacked);
  ddla_free(self->failure);
  ddla_data_sealer_destroy(self->sealer);
  ddla_data_summer_destroy(self->summer);
}

/* Of a part whose blocks are whole: numbers in range, and what the index says of all of it. */
static ddla_status check_content(check *self) {
  char path[DDLA_DATA_PATH_BYTES];
  uint64_t features_hash = 0;
  const ddla_prepared_index *index = self->index;
  if (self->content.code != DDLA_OK) return ddla_status_raise(&self->content);
  DDLA_TRY(ddla_prepared_index_path(path, self->directory, index->part));
  const ddla_data_fingerprint print =
      ddla_data_sealer_end(&features_hash, self->sealer, &index->classes);
  const bool same =
      features_hash == index->features_hash &&
      (index->records.type == DDLA_DATA_TOKENS ||
       (print.low == index->fingerprint.low && print.high == index->fingerprint.high));
  if (!same)
    return DDLA_FAIL(CORRUPT,
                     "%s: every block is whole, but the fingerprint is not that of the content; "
                     "prepare the set anew",
                     path);
  if (!self->summer || ddla_data_summer_agrees(self->summer)) return DDLA_OK;
  return DDLA_FAIL(CORRUPT,
                   "%s: every block is whole, but the channels' sums are not those of the samples; "
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

static ddla_status check_part(check *self, const ddla_prepared_index *index) {
  ddla_status status = DDLA_OK;
  count_files(self->verdict, index);
  DDLA_TRY_CLEAN(status, begin(self, index));
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
    for (int64_t f = 0; f < ddla_prepared_files(index, (ddla_prepared_stream)s); f++)
      DDLA_TRY_CLEAN(status, check_file(self, (ddla_prepared_stream)s, f));
  if (self->verdict->damages == 0) {
    status = check_content(self);
    if (status != DDLA_OK) status = tell_failure(self, status);
  }
cleanup:
  end(self);
  return status;
}

ddla_status ddla_prepared_verify(ddla_prepared_verdict *out, const char *directory,
                                 ddla_data_part part,
                                 void (*told)(const char *words, void *argument), void *argument) {
  ddla_prepared_verdict verdict = {0};
  check *self = NULL; /* paths are large */
  ddla_prepared_index index = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(self, 1));
  self->verdict = &verdict;
  self->told = told;
  self->argument = argument;
  DDLA_TRY_CLEAN(status, ddla_data_path(self->directory, "%s", directory));
  status = ddla_prepared_index_read(&index, directory, part);
  if (status == DDLA_OK) status = check_part(self, &index);
  else status = tell_failure(self, status);
  if (status == DDLA_OK) *out = verdict;
cleanup:
  ddla_prepared_index_fini(&index);
  ddla_free(self);
  return status;
}
