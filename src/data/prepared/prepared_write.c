/* Writes a prepared set into a directory that has a temporary name until all of it is durable. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/xxh3.h"
#include "data/crew.h"
#include "data/format.h"
#include "data/prepared/prepared.h"
#include "data/prepared/stage.h"

enum { LEVEL = 3, BATCH_BLOCKS = 16, NAME_BYTES_MAX = 65535 };

static const int64_t file_bytes_initial = INT64_C(1) << 30, block_bytes_initial = 1 << 20;

/* A stream that is being written: a batch of blocks at a time is made ready by several threads. */
typedef struct writing {
  ddla_prepared_index *index;
  const char *directory; /* the temporary one */
  const ddla_prepared_options *options;
  ddla_prepared_stream stream;
  const uint8_t *bytes; /* [stream_bytes] */
  int64_t first;        /* block of the batch */
  uint8_t *packed;      /* [BATCH_BLOCKS, room]; null: blocks are written as they are */
  size_t room;
  ZSTD_CCtx **packers; /* [threads] */
  int threads;
} writing;

static ddla_status pack(uint8_t *out, size_t *bytes, const writing *w, const uint8_t *block,
                        int thread) {
  const size_t made = ZSTD_compressCCtx(w->packers[thread], out, w->room, block, *bytes, LEVEL);
  if (ZSTD_isError(made))
    return DDLA_FAIL(NO_MEMORY, "cannot compress a block: %s", ZSTD_getErrorName(made));
  *bytes = made;
  return DDLA_OK;
}

static const uint8_t *content_of(const writing *w, int64_t block) {
  return w->bytes + (uint64_t)(block - w->index->stream_first[w->stream]) * w->index->block_bytes;
}

static const uint8_t *ready(const writing *w, int64_t block) {
  return w->packed ? w->packed + (size_t)(block - w->first) * w->room : content_of(w, block);
}

/* Compresses a block of the batch and hashes what will be written. */
static ddla_status make_ready(int64_t item, int thread, void *argument) {
  writing *w = argument;
  const int64_t block = w->first + item;
  size_t bytes = ddla_prepared_block_bytes(w->index, w->stream, block);
  if (w->packed)
    DDLA_TRY(pack(w->packed + (size_t)item * w->room, &bytes, w, content_of(w, block), thread));
  w->index->blocks[block].bytes = bytes;
  w->index->blocks[block].hash = ddla_xxh3_of(ready(w, block), bytes);
  return DDLA_OK;
}

static ddla_status write_batch(ddla_file_writer *file, writing *w, int64_t count) {
  const ddla_prepared_options *o = w->options;
  if (o->stopped && o->stopped(o->argument))
    return DDLA_FAIL(INTERRUPTED, "stopped; nothing is left of what was written");
  DDLA_TRY(ddla_crew_run(count, ddla_crew_threads(w->threads, count), make_ready, w));
  for (int64_t i = 0; i < count; i++) {
    const int64_t block = w->first + i;
    ddla_prepared_block_place(w->index, w->stream, block);
    DDLA_TRY(ddla_file_append(file, ready(w, block), w->index->blocks[block].bytes));
  }
  w->first += count;
  return DDLA_OK;
}

/* What is not compressed is hashed and written block by block, while it is in the cache. */
static ddla_status write_blocks(ddla_file_writer *file, writing *w, int64_t number) {
  uint8_t foot[DDLA_PREPARED_FOOT_BYTES];
  const int64_t end = ddla_prepared_file_at(w->index, w->stream, number).end;
  const int64_t most = w->packed ? BATCH_BLOCKS : 1;
  while (w->first < end)
    DDLA_TRY(write_batch(file, w, end - w->first < most ? end - w->first : most));
  ddla_prepared_foot(foot, w->index, w->stream, number);
  DDLA_TRY(ddla_file_append(file, foot, sizeof foot));
  return ddla_file_commit(NULL, file);
}

static ddla_status write_file(writing *w, int64_t number) {
  char path[DDLA_DATA_PATH_BYTES];
  ddla_file_writer *file = NULL;
  DDLA_TRY(ddla_prepared_file_path(path, w->directory, w->index, w->stream, number));
  DDLA_TRY(ddla_file_create(&file, path, false));
  ddla_status status = write_blocks(file, w, number);
  ddla_file_destroy(file);
  return status;
}

static ddla_status start_packing(writing *w) {
  w->room = ZSTD_compressBound(w->index->block_bytes);
  DDLA_TRY(DDLA_NEW(w->packed, BATCH_BLOCKS * w->room));
  DDLA_TRY(DDLA_NEW(w->packers, w->threads));
  for (int i = 0; i < w->threads; i++)
    if (!(w->packers[i] = ZSTD_createCCtx())) return DDLA_FAIL(NO_MEMORY, "no memory to compress");
  return DDLA_OK;
}

static void stop_packing(writing *w) {
  for (int i = 0; w->packers && i < w->threads; i++) ZSTD_freeCCtx(w->packers[i]);
  ddla_free(w->packers);
  ddla_free(w->packed);
}

static ddla_status write_stream(writing *w) {
  ddla_status status = DDLA_OK;
  w->first = w->index->stream_first[w->stream];
  if (w->index->compressed) DDLA_TRY_CLEAN(status, start_packing(w));
  for (int64_t f = 0; f < ddla_prepared_files(w->index, w->stream); f++)
    DDLA_TRY_CLEAN(status, write_file(w, f));
cleanup:
  stop_packing(w);
  return status;
}

ddla_status ddla_prepared_index_store(const char *directory, const ddla_prepared_index *index) {
  char path[DDLA_DATA_PATH_BYTES];
  uint8_t *bytes = NULL;
  size_t length = 0;
  DDLA_TRY(ddla_prepared_index_path(path, directory, index->part));
  DDLA_TRY(ddla_prepared_index_encode(&bytes, &length, index));
  ddla_status status = ddla_file_write(path, bytes, length);
  ddla_free(bytes);
  return status;
}

static ddla_status copy_names(ddla_classes *out, const ddla_classes *from) {
  for (int i = 0; i < from->count; i++) {
    const size_t length = strlen(from->names[i]);
    int32_t number = 0;
    if (length < 1 || length > NAME_BYTES_MAX)
      return DDLA_FAIL(INVALID, "the name of class %d has %zu bytes; 1 to %d are possible", i,
                       length, NAME_BYTES_MAX);
    DDLA_TRY(ddla_classes_add(&number, out, from->names[i], length));
  }
  return DDLA_OK;
}

static int64_t whole_steps(int64_t bytes, int64_t step) {
  return bytes < step ? step : (bytes + step - 1) / step * step;
}

/* What is not compressed lies in files as it is. */
static void fill_plain(ddla_prepared_index *index) {
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
    for (int64_t i = 0; i < index->stream_blocks[s]; i++) {
      const int64_t b = index->stream_first[s] + i;
      index->blocks[b].bytes = ddla_prepared_block_bytes(index, (ddla_prepared_stream)s, b);
      ddla_prepared_block_place(index, (ddla_prepared_stream)s, b);
    }
}

ddla_status ddla_prepared_plan_records(ddla_prepared_index *out, const ddla_data_records *records,
                                       const ddla_classes *classes, ddla_data_part part,
                                       const ddla_prepared_options *options) {
  const int64_t asked = options->block_bytes > 0 ? options->block_bytes : block_bytes_initial;
  const int64_t file = options->part_bytes > 0 ? options->part_bytes : file_bytes_initial;
  const int64_t block = whole_steps(asked, DDLA_PREPARED_STEP);
  int64_t blocks = file < block ? 1 : file / block;
  if (blocks > INT32_MAX) blocks = INT32_MAX;
  if (block > DDLA_PREPARED_BLOCK_MAX)
    return DDLA_FAIL(INVALID, "blocks of %" PRId64 " bytes; at most %d are possible", asked,
                     DDLA_PREPARED_BLOCK_MAX);
  *out = (ddla_prepared_index){.part = part,
                               .records = *records,
                               .compressed = options->compress,
                               .block_bytes = (uint64_t)block,
                               .file_blocks = (uint64_t)blocks};
  DDLA_TRY(ddla_prepared_index_plan(out, ddla_prepared_part_name(part)));
  if (!options->compress) fill_plain(out);
  return copy_names(&out->classes, classes);
}

ddla_status ddla_prepared_plan(ddla_prepared_index *out, const ddla_dataset *set,
                               ddla_data_part part, const ddla_prepared_options *options) {
  const bool text = set->type == DDLA_DATA_TOKENS;
  const ddla_data_records records = {.type = set->type,
                                     .shape = text ? (ddla_data_shape){1, 1, 1} : set->shape,
                                     .count = text ? 1 : set->count,
                                     .length = set->length,
                                     .labelled = set->labels != NULL,
                                     .targets = set->target_count};
  if (set->keys)
    return DDLA_FAIL(INVALID, "a prepared set does not keep whose a sample is; train from the "
                              "source with data.partition_key, or prepare it without");
  DDLA_TRY(ddla_prepared_plan_records(out, &records, &set->classes, part, options));
  out->features_hash = set->features_hash;
  if (!text) out->fingerprint = set->fingerprint;
  return DDLA_OK;
}

static ddla_status write_part(const char *directory, const ddla_dataset *set, int part,
                              const ddla_prepared_options *options) {
  const void *const streams[DDLA_PREPARED_STREAMS] = {set->features, set->labels, set->targets};
  ddla_prepared_index index = {0};
  ddla_status status = DDLA_OK;
  DDLA_ASSERT(!set->parent);
  DDLA_TRY_CLEAN(status, ddla_prepared_plan(&index, set, (ddla_data_part)part, options));
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++) {
    writing w = {.index = &index,
                 .directory = directory,
                 .options = options,
                 .stream = (ddla_prepared_stream)s,
                 .bytes = streams[s],
                 .threads = ddla_crew_threads(options->threads, BATCH_BLOCKS)};
    if (index.stream_blocks[s] > 0) DDLA_TRY_CLEAN(status, write_stream(&w));
  }
  DDLA_TRY_CLEAN(status, ddla_prepared_sum_set(&index, set));
  DDLA_TRY_CLEAN(status, ddla_prepared_index_store(directory, &index));
cleanup:
  ddla_prepared_index_fini(&index);
  return status;
}

ddla_status ddla_prepared_check_target(const char *directory) {
  struct stat state = {0};
  const bool exists = lstat(directory, &state) == 0;
  if (!exists && errno == ENOENT) return DDLA_OK;
  if (!exists) return ddla_file_fail(errno, "cannot make", directory);
  return DDLA_FAIL(INVALID, "%s is there already; choose another directory, or remove it",
                   directory);
}

ddla_status ddla_prepared_write(const char *directory, ddla_dataset *const *sets,
                                const ddla_prepared_options *options) {
  ddla_stage *stage = NULL;
  ddla_status status = DDLA_OK;
  if (strcmp(ddla_machine_byte_order(), "little endian") != 0)
    return DDLA_FAIL(UNSUPPORTED, "prepared sets are for little-endian machines");
  DDLA_TRY(ddla_prepared_check_target(directory));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (sets[p] && sets[p]->keys)
      return DDLA_FAIL(INVALID,
                       "%s: a prepared set does not keep whose a sample is; train from the source "
                       "with data.partition_key, or prepare it without",
                       directory);
  DDLA_TRY(ddla_stage_create(&stage, directory));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (sets[p]) DDLA_TRY_CLEAN(status, write_part(ddla_stage_path(stage), sets[p], p, options));
  DDLA_TRY_CLEAN(status, ddla_stage_commit(stage));
cleanup:
  ddla_stage_destroy(stage);
  return status;
}
