/* Data sets that a format of somebody else's fills: see ddla/data.h. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/format.h"

/* Bytes of count * each numbers of `size` bytes; false beyond what memory can be. */
static bool product(size_t *out, int64_t count, int64_t each, size_t size) {
  const size_t most = (size_t)1 << 46;
  size_t bytes = 0;
  if (count < 1 || each < 1 || __builtin_mul_overflow((size_t)count, (size_t)each, &bytes) ||
      __builtin_mul_overflow(bytes, size, &bytes) || bytes > most)
    return false;
  *out = bytes;
  return true;
}

static bool is_shape(ddla_data_shape shape) {
  enum { SIDE_MAX = 1 << 24 };
  return shape.height >= 1 && shape.width >= 1 && shape.channels >= 1 && shape.height <= SIDE_MAX &&
         shape.width <= SIDE_MAX && shape.channels <= SIDE_MAX &&
         shape.height * shape.width <= SIDE_MAX;
}

static ddla_status refuse(const ddla_data_records *records, const char *path, const char *why) {
  return DDLA_FAIL(INVALID,
                   "%s: its format makes %" PRId64 " samples of %" PRId64 " x %" PRId64
                   " x %" PRId64 " with %" PRId64 " targets, %s",
                   path, records->count, records->shape.height, records->shape.width,
                   records->shape.channels, records->targets, why);
}

static ddla_status check(const ddla_data_records *records, const char *path) {
  const bool is_text = records->type == DDLA_DATA_TOKENS;
  if (records->type < DDLA_DATA_UINT8 || records->type > DDLA_DATA_TOKENS)
    return refuse(records, path, "of no type that there is");
  if (!is_shape(records->shape)) return refuse(records, path, "which is no shape of a sample");
  if (records->targets < 0 || (records->targets > 0 && records->labelled))
    return refuse(records, path, "but a sample has either a label or targets");
  if (is_text && (records->shape.width != 1 || records->shape.channels != 1))
    return refuse(records, path, "but a window of a text is [tokens, 1, 1]");
  if (is_text && (records->targets > 0 || records->labelled))
    return refuse(records, path, "but the targets of a text are its own tokens");
  if (is_text && records->length <= records->shape.height)
    return refuse(records, path, "too few tokens for a window and the token behind it");
  return DDLA_OK;
}

ddla_status ddla_data_records_measure(size_t bytes[DDLA_DATA_STREAMS],
                                      const ddla_data_records *records, const char *path) {
  size_t made[DDLA_DATA_STREAMS] = {0};
  DDLA_TRY(check(records, path));
  const bool is_text = records->type == DDLA_DATA_TOKENS;
  const int64_t features = ddla_data_shape_count(records->shape);
  if (!product(&made[0], is_text ? records->length : records->count, is_text ? 1 : features,
               ddla_data_type_bytes(records->type)) ||
      (records->labelled && !product(&made[1], records->count, 1, sizeof *records->label)) ||
      (records->targets &&
       !product(&made[2], records->count, records->targets, sizeof *records->target)))
    return refuse(records, path, records->count < 1 ? "but there must be one" : "too many");
  memcpy(bytes, made, sizeof made);
  return DDLA_OK;
}

ddla_status ddla_dataset_make(ddla_data_records *records, ddla_dataset *set,
                              const ddla_data_source *source) {
  ddla_data_records made = *records;
  size_t bytes[DDLA_DATA_STREAMS] = {0};
  if (set->features) return DDLA_FAIL(INVALID, "%s: its format makes records twice", source->path);
  const bool is_text = made.type == DDLA_DATA_TOKENS;
  if (is_text && made.shape.height > 0) made.count = (made.length - 1) / made.shape.height;
  DDLA_TRY(ddla_data_records_measure(bytes, &made, source->path));
  DDLA_TRY(ddla_data_block_make(&set->features_block, bytes[0], source->memory));
  if (bytes[1]) DDLA_TRY(ddla_data_block_make(&set->labels_block, bytes[1], source->memory));
  if (bytes[2]) DDLA_TRY(ddla_data_block_make(&set->targets_block, bytes[2], source->memory));
  set->type = made.type;
  set->shape = made.shape;
  set->count = made.count;
  set->length = is_text ? made.length : 0;
  set->features = made.features = set->features_block.data;
  set->labels = made.label = bytes[1] ? (int32_t *)(void *)set->labels_block.data : NULL;
  set->targets = made.target = bytes[2] ? (float *)(void *)set->targets_block.data : NULL;
  set->target_count = made.targets;
  *records = made;
  return DDLA_OK;
}

ddla_status ddla_dataset_add_class(int32_t *out, ddla_dataset *set, const char *name) {
  if (!name || !name[0]) return DDLA_FAIL(INVALID, "a class has an empty name");
  return ddla_classes_add(out, &set->classes, name, strlen(name));
}

/* Number index of what belongs to classes: a label, or a token of a text. */
static int64_t number_at(const ddla_dataset *set, int64_t index) {
  return set->labels ? set->labels[index] : ((const uint16_t *)set->features)[index];
}

static int64_t number_count(const ddla_dataset *set) {
  return set->labels ? set->count : set->type == DDLA_DATA_TOKENS ? set->length : 0;
}

/* Every label is a class; *classes is one more than the largest. */
static ddla_status check_numbers(int *classes, const ddla_dataset *set, int limit,
                                 const char *path) {
  int64_t most = -1;
  for (int64_t i = 0; i < number_count(set); i++) {
    const int64_t number = number_at(set, i);
    if (number < 0 || number >= limit)
      return DDLA_FAIL(
          INVALID, "%s: %s %" PRId64 " of %s %" PRId64 " is out of range; expected 0 to %d", path,
          set->labels ? "label" : "number", number, set->labels ? "sample" : "token", i, limit - 1);
    if (number > most) most = number;
  }
  *classes = (int)most + 1;
  return DDLA_OK;
}

/* Gives labels and tokens the numbers that the model knows their classes by. */
static ddla_status renumber(ddla_dataset *set, const ddla_data_source *source) {
  ddla_classes known = {0}, old = set->classes;
  int32_t *to = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_classes_set(&known, source->class_names, source->class_count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(to, old.count));
  for (int i = 0; i < old.count && status == DDLA_OK; i++) {
    to[i] = ddla_classes_find(&known, old.names[i], strlen(old.names[i]));
    if (to[i] < 0)
      status = DDLA_FAIL(INVALID, "%s: class %s is not among the model's %d", source->path,
                         ddla_text_quote(old.names[i]).text, known.count);
  }
  if (status != DDLA_OK) goto cleanup;
  uint16_t *token = (uint16_t *)(void *)set->features_block.data;
  for (int64_t i = 0; i < number_count(set); i++)
    if (set->labels) set->labels[i] = to[set->labels[i]];
    else token[i] = (uint16_t)to[token[i]];
  set->classes = known;
  known = old;
cleanup:
  ddla_classes_fini(&known);
  ddla_free(to);
  return status;
}

ddla_status ddla_dataset_settle(ddla_dataset *set, const ddla_data_source *source) {
  if (!set->features && !set->far)
    return DDLA_FAIL(INVALID, "%s: its format made no records", source->path);
  if (number_count(set) == 0) return DDLA_OK;
  const int named = set->classes.count, given = source->class_count;
  int classes = 0;
  DDLA_TRY(check_numbers(&classes, set,
                         named > 0   ? named
                         : given > 0 ? given
                                     : DDLA_CLASSES_LIMIT,
                         source->path));
  if (named > 0) return source->class_names ? renumber(set, source) : DDLA_OK;
  if (source->class_names) return ddla_classes_set(&set->classes, source->class_names, given);
  return ddla_classes_number(&set->classes, given > 0 ? given : classes);
}
