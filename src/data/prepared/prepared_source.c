/* Sources of a series: see prepared_series.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file.h"
#include "data/format.h"
#include "data/prepared/prepared_series.h"

struct ddla_prepared_source {
  ddla_prepared_index index;
  const uint8_t *memory[DDLA_PREPARED_STREAMS]; /* of a set; null: files */
  char directory[DDLA_DATA_PATH_BYTES], path[DDLA_DATA_PATH_BYTES];
  int file; /* of path; -1: none is open */
  ddla_prepared_place at;
  XXH3_state_t *hash; /* of the block */
};

static ddla_status make(ddla_prepared_source **out) {
  ddla_prepared_source *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->file = -1;
  made->hash = XXH3_createState();
  *out = made;
  if (!made->hash) return DDLA_FAIL(NO_MEMORY, "no memory for a hash");
  XXH3_64bits_reset(made->hash);
  return DDLA_OK;
}

void ddla_prepared_source_destroy(ddla_prepared_source *source) {
  if (!source) return;
  if (source->file >= 0) close(source->file);
  XXH3_freeState(source->hash);
  ddla_prepared_index_fini(&source->index);
  ddla_free(source);
}

ddla_status ddla_prepared_source_of_set(ddla_prepared_source **out, const ddla_dataset *set,
                                        ddla_data_part part) {
  ddla_prepared_source *made = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, make(&made));
  DDLA_TRY_CLEAN(status, ddla_prepared_plan(&made->index, set, part, &(ddla_prepared_options){0}));
  made->memory[DDLA_PREPARED_FEATURES] = set->features;
  made->memory[DDLA_PREPARED_LABELS] = (const uint8_t *)set->labels;
  made->memory[DDLA_PREPARED_TARGETS] = (const uint8_t *)set->targets;
  *out = made;
  made = NULL;
cleanup:
  ddla_prepared_source_destroy(made);
  return status;
}

ddla_status ddla_prepared_source_of_files(ddla_prepared_source **out, const char *directory,
                                          ddla_data_part part) {
  ddla_prepared_source *made = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, make(&made));
  DDLA_TRY_CLEAN(status, ddla_data_path(made->directory, "%s", directory));
  DDLA_TRY_CLEAN(status, ddla_prepared_index_read(&made->index, directory, part));
  *out = made;
  made = NULL;
cleanup:
  ddla_prepared_source_destroy(made);
  return status;
}

const ddla_prepared_index *ddla_prepared_source_index(const ddla_prepared_source *source) {
  return &source->index;
}

static ddla_status read_file(ddla_prepared_source *source, uint8_t *out, size_t bytes) {
  const ddla_prepared_place *at = &source->at;
  const ddla_prepared_stream stream = (ddla_prepared_stream)at->stream;
  DDLA_TRY(
      ddla_prepared_file_path(source->path, source->directory, &source->index, stream, at->file));
  if (source->file < 0)
    DDLA_TRY(
        ddla_prepared_file_open(&source->file, source->path, &source->index, stream, at->file));
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pread(source->file, out + done, bytes - done, (off_t)(at->offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return ddla_file_fail(got < 0 ? errno : EIO, "cannot read", source->path);
    done += (size_t)got;
  }
  return DDLA_OK;
}

/* A block is over: its hash is what was promised, or is known from now on. */
static ddla_status end_block(ddla_prepared_source *source, int64_t block, uint64_t end) {
  ddla_prepared_block *said = &source->index.blocks[block];
  const uint64_t hash = XXH3_64bits_digest(source->hash);
  XXH3_64bits_reset(source->hash);
  if (source->memory[DDLA_PREPARED_FEATURES]) said->hash = hash;
  if (said->hash == hash) return DDLA_OK;
  return DDLA_FAIL(CORRUPT,
                   "%s: a block (from offset %" PRIu64 ", %" PRIu64
                   " bytes) is damaged: its hash is another; copy the set again, or prepare it "
                   "anew",
                   source->path, end - said->bytes, said->bytes);
}

/* Bytes that lie in one block. */
static ddla_status read_some(ddla_prepared_source *source, uint8_t *out, size_t bytes) {
  const ddla_prepared_place was = source->at;
  const uint8_t *memory = source->memory[was.stream];
  bool file_over = false;
  if (memory) memcpy(out, memory + was.stored, bytes);
  else DDLA_TRY(read_file(source, out, bytes));
  XXH3_64bits_update(source->hash, out, bytes);
  if (ddla_prepared_place_move(&source->at, &file_over, &source->index, bytes))
    DDLA_TRY(end_block(source, was.block, was.offset + bytes));
  if (file_over && source->file >= 0) {
    close(source->file);
    source->file = -1;
  }
  return DDLA_OK;
}

ddla_status ddla_prepared_source_read(ddla_prepared_source *source, uint8_t *out, size_t bytes) {
  while (bytes > 0) {
    const bool more = ddla_prepared_place_settle(&source->at, &source->index);
    DDLA_ASSERT(more);
    const uint64_t left = source->index.blocks[source->at.block].bytes - source->at.filled;
    const size_t some = left < bytes ? (size_t)left : bytes;
    DDLA_TRY(read_some(source, out, some));
    out += some;
    bytes -= some;
  }
  return DDLA_OK;
}
