/* Prepared sets as a format of data: mapped, checked, with the names that classes have there. */
#include "data/prepared/prepared.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "data/format.h"

enum { WINDOW_INITIAL = 128 };

bool ddla_prepared_has(const char *directory, ddla_data_part part) {
  char path[DDLA_DATA_PATH_BYTES];
  return ddla_prepared_index_path(path, directory, part) == DDLA_OK && ddla_data_is_file(path);
}

/* A file of such a name alone says it, so that one which is damaged is not taken for something
 * else. */
bool ddla_dataset_is_prepared(const char *path) {
  if (!ddla_data_is_directory(path)) return false;
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (ddla_prepared_has(path, (ddla_data_part)p)) return true;
  return false;
}

/* The part that is asked for; a directory that has only a training part is not divided into parts,
 * and gives it for any. */
static ddla_status find_part(ddla_data_part *out, const ddla_data_source *source) {
  const char *path = source->path;
  const bool alone = ddla_prepared_has(path, DDLA_DATA_TRAIN) &&
                     !ddla_prepared_has(path, DDLA_DATA_VALIDATION) &&
                     !ddla_prepared_has(path, DDLA_DATA_TEST);
  *out = source->part;
  if (ddla_prepared_has(path, source->part)) return DDLA_OK;
  *out = DDLA_DATA_TRAIN;
  if (alone) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s holds no %s.index: the set has no such part", path,
                   ddla_prepared_part_name(source->part));
}

/* A text is cut into windows as long as is asked. */
ddla_status ddla_prepared_describe(ddla_dataset *set, const ddla_prepared_index *index,
                                   const ddla_data_source *source) {
  const ddla_data_records *r = &index->records;
  ddla_data_records asked = *r;
  size_t bytes[DDLA_DATA_STREAMS];
  if (r->type == DDLA_DATA_TOKENS) {
    asked.shape.height = source->window > 0 ? source->window : WINDOW_INITIAL;
    asked.count = (r->length - 1) / asked.shape.height;
    if (r->length <= asked.shape.height)
      return DDLA_FAIL(INVALID,
                       "%s has %" PRId64 " tokens; at least %" PRId64
                       " are needed, one more than model.window",
                       source->path, r->length, asked.shape.height + 1);
    DDLA_TRY(ddla_data_records_measure(bytes, &asked, source->path));
  }
  set->type = asked.type;
  set->shape = asked.shape;
  set->count = asked.count;
  set->length = r->length;
  set->target_count = r->targets;
  set->features_hash = index->features_hash;
  set->fingerprint = index->fingerprint;
  set->sealed = r->type != DDLA_DATA_TOKENS;
  return DDLA_OK;
}

static void take_content(ddla_dataset *set, ddla_prepared_content *content, bool mapped) {
  set->mapped = mapped;
  set->features_block = content->stream[DDLA_PREPARED_FEATURES];
  set->labels_block = content->stream[DDLA_PREPARED_LABELS];
  set->targets_block = content->stream[DDLA_PREPARED_TARGETS];
  set->features = set->features_block.data;
  set->labels = (int32_t *)(void *)set->labels_block.data;
  set->targets = (float *)(void *)set->targets_block.data;
  memset(content->stream, 0, sizeof content->stream);
}

/* Whether the classes that are asked for are those of the set, in its order. */
static bool same_classes(const ddla_dataset *set, const ddla_data_source *source) {
  if (!source->class_names) return true;
  if (source->class_count != set->classes.count) return false;
  for (int i = 0; i < source->class_count; i++)
    if (strcmp(source->class_names[i], set->classes.names[i]) != 0) return false;
  return true;
}

/* Labels and tokens choose memory: whoever has made the index, they are in range. */
ddla_status ddla_prepared_settle(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_source plain = *source;
  if (same_classes(set, source)) {
    plain.class_names = NULL;
  } else {
    set->sealed = false;
    if (set->type == DDLA_DATA_TOKENS) set->features_hash = 0;
  }
  return ddla_dataset_settle(set, &plain);
}

/* Marks the samples that a damaged block has a part of. */
static void mark_samples(uint8_t *bad, const ddla_prepared_index *index,
                         const ddla_prepared_content *content) {
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++) {
    const uint64_t sample = index->stream_bytes[s] / (uint64_t)index->records.count;
    for (int64_t i = 0; i < index->stream_blocks[s]; i++) {
      const int64_t block = index->stream_first[s] + i;
      if (!content->damaged[block]) continue;
      const uint64_t begin = (uint64_t)i * index->block_bytes;
      const uint64_t end = begin + ddla_prepared_block_bytes(index, (ddla_prepared_stream)s, block);
      memset(bad + begin / sample, 1, (end - 1) / sample - begin / sample + 1);
    }
  }
}

/* Takes over what is in `from`, which is closed. */
static void become(ddla_dataset *set, ddla_dataset *from) {
  ddla_dataset old = *set;
  *set = *from;
  *from = old;
  ddla_dataset_close(from);
}

/* Leaves out samples in damaged blocks: the others are copied, and have another fingerprint. */
static ddla_status leave_out(ddla_dataset *set, const ddla_prepared_index *index,
                             const ddla_prepared_content *content, const ddla_data_source *source) {
  uint8_t *bad = NULL;
  int64_t count = 0;
  ddla_dataset *rest = NULL;
  DDLA_TRY(DDLA_NEW(bad, set->count));
  mark_samples(bad, index, content);
  for (int64_t i = 0; i < set->count; i++) count += bad[i];
  ddla_status status = ddla_dataset_pick(&rest, set, bad, 0, source->memory);
  ddla_free(bad);
  if (status != DDLA_OK)
    return ddla_status_prefix(status, "%s, without damaged blocks: ", source->path);
  become(set, rest);
  set->left_out = count;
  set->left_out_for = content->damaged_blocks;
  set->sealed = true; /* with the pick */
  return DDLA_OK;
}

static ddla_status fill(ddla_dataset *set, ddla_prepared_index *index,
                        const ddla_data_source *source) {
  const bool text = index->records.type == DDLA_DATA_TOKENS;
  const ddla_prepared_loading loading = {.trusts_features = source->trusts_features && !text,
                                         .writable = text,
                                         .memory = source->memory,
                                         .threads = source->threads,
                                         .forgives_blocks = source->skips_damaged && !text};
  ddla_prepared_content content = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_prepared_describe(set, index, source));
  DDLA_TRY_CLEAN(status, ddla_prepared_load(&content, index, source->path, &loading));
  take_content(set, &content, !index->compressed);
  set->classes = index->classes;
  index->classes = (ddla_classes){0};
  set->sums = index->sums;
  index->sums = NULL;
  if (content.damaged_blocks > 0) DDLA_TRY_CLEAN(status, leave_out(set, index, &content, source));
  DDLA_TRY_CLEAN(status, ddla_prepared_settle(set, source));
cleanup:
  ddla_prepared_content_release(&content);
  return status;
}

static ddla_status prepared_read(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_part part = DDLA_DATA_TRAIN;
  ddla_prepared_index index = {0};
  if (strcmp(ddla_machine_byte_order(), "little endian") != 0)
    return DDLA_FAIL(UNSUPPORTED, "%s: prepared sets are for little-endian machines", source->path);
  DDLA_TRY(find_part(&part, source));
  DDLA_TRY(ddla_prepared_index_read(&index, source->path, part));
  ddla_status status = fill(set, &index, source);
  ddla_prepared_index_fini(&index);
  return status;
}

static bool prepared_accepts(const ddla_data_source *source) {
  return ddla_dataset_is_prepared(source->path);
}

static bool prepared_has_part(const ddla_data_source *source) {
  return ddla_prepared_has(source->path, source->part);
}

const ddla_data_format ddla_data_format_prepared = {
    .name = "prepared",
    .looks_for = "a directory that `ddla data prepare` has written",
    .accepts = prepared_accepts,
    .has_part = prepared_has_part,
    .read = prepared_read};
