#include "data/prepared/far.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "data/format.h"

enum { NAME_BYTES = 64, INDEX_BYTES_MAX = 1 << 30 };

static void index_name(char out[NAME_BYTES], ddla_data_part part) {
  snprintf(out, NAME_BYTES, "%s.index", ddla_prepared_part_name(part));
}

static void file_name(char out[NAME_BYTES], const ddla_prepared_index *index,
                      ddla_prepared_stream stream, int64_t file) {
  snprintf(out, NAME_BYTES, "%s-%s-%05" PRId64 ".part", ddla_prepared_part_name(index->part),
           ddla_prepared_stream_name(stream), file);
}

/* ---- blocks ---- */

/* The file that a block lies in. */
static void block_file(char name[NAME_BYTES], const ddla_prepared_index *index, int64_t block) {
  int64_t file = 0;
  const ddla_prepared_stream stream = ddla_prepared_stream_of(&file, index, block);
  file_name(name, index, stream, file);
}

ddla_status ddla_far_block(void *out, void *scratch, const ddla_prepared_index *index,
                           int64_t block, const ddla_far_files *files) {
  char name[NAME_BYTES], path[DDLA_DATA_PATH_BYTES];
  const ddla_prepared_block *said = &index->blocks[block];
  void *stored = index->compressed ? scratch : out;
  block_file(name, index, block);
  DDLA_TRY(ddla_data_path(path, "%s/%s", files->where, name));
  DDLA_TRY(files->read(files->argument, stored, name, said->offset, said->bytes));
  return ddla_prepared_block_check(out, index, block, stored, path);
}

ddla_status ddla_far_bytes(void *out, const ddla_prepared_index *index, int64_t block,
                           size_t offset, size_t bytes, const ddla_far_files *files) {
  char name[NAME_BYTES];
  block_file(name, index, block);
  return files->read(files->argument, out, name, index->blocks[block].offset + offset, bytes);
}

/* ---- opening ---- */

ddla_status ddla_far_has(bool *out, const ddla_far_files *files, ddla_data_part part) {
  char name[NAME_BYTES];
  uint64_t bytes = 0;
  index_name(name, part);
  return files->size(files->argument, out, &bytes, name);
}

static ddla_status find_part(ddla_data_part *out, const ddla_far_files *files,
                             ddla_data_part wanted) {
  bool has[DDLA_PREPARED_PARTS];
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    DDLA_TRY(ddla_far_has(&has[p], files, (ddla_data_part)p));
  *out = wanted;
  if (has[wanted]) return DDLA_OK;
  *out = DDLA_DATA_TRAIN;
  if (has[DDLA_DATA_TRAIN] && !has[DDLA_DATA_VALIDATION] && !has[DDLA_DATA_TEST]) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s holds no %s.index: the set has no such part", files->where,
                   ddla_prepared_part_name(wanted));
}

static ddla_status read_index(ddla_prepared_index *out, const ddla_far_files *files,
                              ddla_data_part part) {
  char name[NAME_BYTES], path[DDLA_DATA_PATH_BYTES];
  uint64_t length = 0;
  bool there = false;
  uint8_t *bytes = NULL;
  index_name(name, part);
  DDLA_TRY(ddla_data_path(path, "%s/%s", files->where, name));
  DDLA_TRY(files->size(files->argument, &there, &length, name));
  if (!there) return DDLA_FAIL(INVALID, "%s is not there", path);
  if (length > INDEX_BYTES_MAX)
    return DDLA_FAIL(INVALID, "%s has %" PRIu64 " bytes: it is no index", path, length);
  DDLA_TRY(DDLA_NEW(bytes, length + 1));
  ddla_status status = files->read(files->argument, bytes, name, 0, length);
  if (status == DDLA_OK) status = ddla_prepared_index_parse(out, bytes, length, path);
  ddla_free(bytes);
  DDLA_TRY(status);
  if (out->part == part) return DDLA_OK;
  return DDLA_FAIL(CORRUPT, "%s is the index of the part %s: files were renamed", path,
                   ddla_prepared_part_name(out->part));
}

/* A file that is missing, cut short or of another set is found at the start, not in mid-run. */
static ddla_status check_foot(const ddla_prepared_index *index, ddla_prepared_stream stream,
                              int64_t file, const ddla_far_files *files) {
  char name[NAME_BYTES];
  uint8_t foot[DDLA_PREPARED_FOOT_BYTES], found[DDLA_PREPARED_FOOT_BYTES];
  const uint64_t bytes = ddla_prepared_file_at(index, stream, file).bytes;
  uint64_t length = 0;
  bool there = false;
  file_name(name, index, stream, file);
  DDLA_TRY(files->size(files->argument, &there, &length, name));
  if (!there)
    return DDLA_FAIL(CORRUPT,
                     "%s/%s is missing: the set is not whole; copy it again, or prepare it anew",
                     files->where, name);
  if (length != bytes + sizeof foot)
    return DDLA_FAIL(CORRUPT,
                     "%s/%s has %" PRIu64 " bytes, the set's index says %" PRIu64
                     ": copy the set again, or prepare it anew",
                     files->where, name, length, bytes + (uint64_t)sizeof foot);
  ddla_prepared_foot(foot, index, stream, file);
  DDLA_TRY(files->read(files->argument, found, name, bytes, sizeof found));
  if (memcmp(found, foot, sizeof foot) == 0) return DDLA_OK;
  return DDLA_FAIL(CORRUPT,
                   "%s/%s: the last %d bytes (from offset %" PRIu64
                   ") are not what the set's index says: the file is damaged or of another set; "
                   "copy the set again, or prepare it anew",
                   files->where, name, DDLA_PREPARED_FOOT_BYTES, bytes);
}

static ddla_status check_feet(const ddla_prepared_index *index, const ddla_far_files *files) {
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
    for (int64_t f = 0; f < ddla_prepared_files(index, (ddla_prepared_stream)s); f++)
      DDLA_TRY(check_foot(index, (ddla_prepared_stream)s, f, files));
  return DDLA_OK;
}

/* Labels or targets, whole. */
static ddla_status read_stream(ddla_data_block *out, const ddla_prepared_index *index,
                               ddla_prepared_stream stream, const ddla_far_files *files,
                               const ddla_data_memory *memory) {
  uint8_t *scratch = NULL;
  ddla_status status = DDLA_OK;
  if (index->stream_bytes[stream] == 0) return DDLA_OK;
  DDLA_TRY(ddla_data_block_make(out, index->stream_bytes[stream], memory));
  if (index->compressed) DDLA_TRY(DDLA_NEW(scratch, 2 * index->block_bytes));
  for (int64_t i = 0; i < index->stream_blocks[stream] && status == DDLA_OK; i++)
    status = ddla_far_block(out->data + (uint64_t)i * index->block_bytes, scratch, index,
                            index->stream_first[stream] + i, files);
  ddla_free(scratch);
  return status;
}

static ddla_status fill(ddla_dataset *set, const ddla_data_source *source,
                        const ddla_far_files *files) {
  ddla_data_part part = DDLA_DATA_TRAIN;
  DDLA_TRY(DDLA_NEW(set->far, 1));
  DDLA_TRY(find_part(&part, files, source->part));
  DDLA_TRY(read_index(set->far, files, part));
  const ddla_prepared_index *index = set->far;
  if (index->records.type == DDLA_DATA_TOKENS)
    return DDLA_FAIL(INVALID,
                     "%s is a text, whose windows begin anywhere; only samples of a fixed size can "
                     "be fetched one by one",
                     files->where);
  DDLA_TRY(check_feet(index, files));
  DDLA_TRY(ddla_prepared_describe(set, index, source));
  DDLA_TRY(read_stream(&set->labels_block, index, DDLA_PREPARED_LABELS, files, source->memory));
  DDLA_TRY(read_stream(&set->targets_block, index, DDLA_PREPARED_TARGETS, files, source->memory));
  set->labels = (int32_t *)(void *)set->labels_block.data;
  set->targets = (float *)(void *)set->targets_block.data;
  set->classes = set->far->classes;
  set->far->classes = (ddla_classes){0};
  set->sums = set->far->sums;
  set->far->sums = NULL;
  DDLA_TRY(ddla_prepared_settle(set, source));
  if (!set->sealed) ddla_dataset_seal(set);
  return DDLA_OK;
}

ddla_status ddla_dataset_open_far(ddla_dataset **out, const ddla_data_source *source,
                                  const ddla_far_files *files) {
  ddla_dataset *set = NULL;
  if (strcmp(ddla_machine_byte_order(), "little endian") != 0)
    return DDLA_FAIL(UNSUPPORTED, "%s: prepared sets are for little-endian machines", files->where);
  DDLA_TRY(DDLA_NEW(set, 1));
  ddla_status status = fill(set, source, files);
  if (status == DDLA_OK) *out = set;
  else ddla_dataset_close(set);
  return status;
}

const ddla_prepared_index *ddla_dataset_far(const ddla_dataset *set) {
  return ddla_dataset_root(set)->far;
}
