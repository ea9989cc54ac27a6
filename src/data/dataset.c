#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"
#include "data/format.h"
#include "data/tokens.h"

size_t ddla_data_type_bytes(ddla_data_type type) {
  static const size_t bytes[] = {[DDLA_DATA_UINT8] = sizeof(uint8_t),
                                 [DDLA_DATA_FLOAT32] = sizeof(float),
                                 [DDLA_DATA_TOKENS] = sizeof(uint16_t)};
  return bytes[type];
}

int64_t ddla_data_shape_count(ddla_data_shape shape) {
  return shape.height * shape.width * shape.channels;
}

const ddla_dataset *ddla_dataset_root(const ddla_dataset *set) {
  while (set->parent) set = set->parent;
  return set;
}

int64_t ddla_dataset_root_index(const ddla_dataset *set, int64_t index) {
  DDLA_ASSERT(index >= 0 && index < set->count);
  for (; set->parent; set = set->parent) index = ddla_order_at(&set->order, set->first + index);
  return index;
}

const ddla_dataset *ddla_dataset_record(int64_t *row, const ddla_dataset *set, int64_t index) {
  const ddla_dataset *in = ddla_dataset_piece_of(&index, set, index);
  *row = ddla_dataset_root_index(in, index);
  return ddla_dataset_root(in);
}

int64_t ddla_dataset_count(const ddla_dataset *set) { return set->count; }
ddla_data_shape ddla_dataset_shape(const ddla_dataset *set) { return set->shape; }
ddla_data_type ddla_dataset_type(const ddla_dataset *set) { return set->type; }
int ddla_dataset_classes(const ddla_dataset *set) { return ddla_dataset_root(set)->classes.count; }
bool ddla_dataset_labelled(const ddla_dataset *set) {
  const ddla_dataset *any = ddla_dataset_piece_here(set);
  return any->labels || any->targets || any->type == DDLA_DATA_TOKENS;
}
ddla_data_fingerprint ddla_dataset_fingerprint(const ddla_dataset *set) { return set->fingerprint; }

int64_t ddla_dataset_targets(const ddla_dataset *set) { return set->target_count; }

size_t ddla_dataset_bytes(const ddla_dataset *set) {
  size_t bytes = 0;
  for (int p = 0; p < set->pieces; p++)
    if (set->piece[p].set) bytes += ddla_dataset_bytes(ddla_dataset_root(set->piece[p].set));
  return bytes + set->features_block.bytes + set->labels_block.bytes + set->targets_block.bytes;
}

size_t ddla_dataset_memory(const ddla_dataset *set) {
  size_t bytes = 0;
  for (int p = 0; p < set->pieces; p++)
    if (set->piece[p].set) bytes += ddla_dataset_memory(ddla_dataset_root(set->piece[p].set));
  if (set->pieces > 0) return bytes;
  return set->mapped ? set->labels_block.bytes : ddla_dataset_bytes(set);
}

const char *ddla_dataset_class_name(const ddla_dataset *set, int class_index) {
  DDLA_ASSERT(class_index >= 0 && class_index < ddla_dataset_classes(set));
  return ddla_dataset_root(set)->classes.names[class_index];
}

int ddla_dataset_class_find(const ddla_dataset *set, const char *name) {
  return ddla_classes_find(&ddla_dataset_root(set)->classes, name, strlen(name));
}

int32_t ddla_dataset_label(const ddla_dataset *set, int64_t index) {
  int64_t row = 0;
  const ddla_dataset *at = ddla_dataset_record(&row, set, index);
  return at->labels ? at->labels[row] : -1;
}

int ddla_dataset_keys(const ddla_dataset *set) { return ddla_dataset_root(set)->key_names.count; }

int32_t ddla_dataset_key(const ddla_dataset *set, int64_t index) {
  return set->keys ? set->keys[ddla_dataset_root_index(set, index)] : -1;
}

const void *ddla_dataset_features(const ddla_dataset *set, int64_t index) {
  size_t bytes = (size_t)ddla_data_shape_count(set->shape) * ddla_data_type_bytes(set->type);
  int64_t row = 0;
  const ddla_dataset *at = ddla_dataset_record(&row, set, index);
  return (const uint8_t *)at->features + (size_t)row * bytes;
}

uint64_t ddla_data_fingerprint_seed(ddla_data_fingerprint older) {
  return older.low ^ (older.high << 1);
}

ddla_data_fingerprint ddla_data_fingerprint_of(const void *bytes, size_t length,
                                               ddla_data_fingerprint older) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, length, ddla_data_fingerprint_seed(older));
  return (ddla_data_fingerprint){.low = hash.low64, .high = hash.high64};
}

void ddla_data_fingerprint_head(int64_t head[DDLA_FINGERPRINT_HEAD],
                                const ddla_data_records *records, uint64_t features_hash) {
  const ddla_data_shape shape = records->shape;
  const int64_t made[DDLA_FINGERPRINT_HEAD] = {
      records->type,  records->count,    shape.height,          shape.width,
      shape.channels, records->labelled, (int64_t)features_hash};
  memcpy(head, made, sizeof made);
}

ddla_data_fingerprint ddla_data_fingerprint_names(ddla_data_fingerprint older,
                                                  const ddla_classes *classes) {
  for (int i = 0; i < classes->count; i++)
    older = ddla_data_fingerprint_of(classes->names[i], strlen(classes->names[i]) + 1, older);
  return older;
}

void ddla_dataset_streams(size_t bytes[DDLA_DATA_STREAMS], const ddla_dataset *set) {
  const int64_t values =
      set->type == DDLA_DATA_TOKENS ? set->length : ddla_data_shape_count(set->shape) * set->count;
  bytes[0] = (size_t)values * ddla_data_type_bytes(set->type);
  bytes[1] = set->labels ? (size_t)set->count * sizeof *set->labels : 0;
  bytes[2] = (size_t)(set->count * set->target_count) * sizeof *set->targets;
}

/* The features are hashed once; labels and names change when classes are matched. */
void ddla_dataset_seal(ddla_dataset *set) {
  size_t bytes[DDLA_DATA_STREAMS];
  ddla_dataset_streams(bytes, set);
  if (set->features_hash == 0 && set->features)
    set->features_hash = XXH3_64bits(set->features, bytes[0]);
  int64_t head[DDLA_FINGERPRINT_HEAD];
  const ddla_data_records records = {
      .type = set->type, .shape = set->shape, .count = set->count, .labelled = set->labels != NULL};
  ddla_data_fingerprint_head(head, &records, set->features_hash);
  ddla_data_fingerprint print =
      ddla_data_fingerprint_of(head, sizeof head, (ddla_data_fingerprint){0});
  if (set->labels) print = ddla_data_fingerprint_of(set->labels, bytes[1], print);
  if (set->targets) print = ddla_data_fingerprint_of(set->targets, bytes[2], print);
  if (set->keys)
    print = ddla_data_fingerprint_of(set->keys, (size_t)set->count * sizeof *set->keys, print);
  print = ddla_data_fingerprint_names(print, &set->classes);
  set->fingerprint = print;
}

int64_t ddla_dataset_left_out(int64_t *blocks, const ddla_dataset *set) {
  const ddla_dataset *root = ddla_dataset_root(set);
  int64_t left_out = root->left_out, some = 0;
  *blocks = root->left_out_for;
  for (int p = 0; p < root->pieces; p++) {
    if (!root->piece[p].set) continue;
    left_out += ddla_dataset_left_out(&some, root->piece[p].set);
    *blocks += some;
  }
  return left_out;
}

ddla_status ddla_dataset_number_classes(ddla_dataset *set, const ddla_data_source *source,
                                        const char *where) {
  int given = source->class_count, limit = given > 0 ? given : DDLA_CLASSES_LIMIT;
  int32_t most = -1;
  for (int64_t i = 0; i < set->count; i++) {
    int32_t label = set->labels[i];
    if (label < 0 || label >= limit)
      return DDLA_FAIL(
          INVALID,
          "%s: label %d of sample %lld is out of range; expected 0 to %d, one for each "
          "of %d classes",
          where, (int)label, (long long)i, limit - 1, limit);
    if (label > most) most = label;
  }
  if (source->class_names)
    return ddla_classes_set(&set->classes, source->class_names, source->class_count);
  return ddla_classes_number(&set->classes, given > 0 ? given : most + 1);
}

ddla_status ddla_dataset_subset(ddla_dataset **out, const ddla_dataset *parent,
                                const ddla_data_subset *subset) {
  if (subset->first < 0 || subset->count < 1 || subset->first > parent->count ||
      subset->count > parent->count - subset->first)
    return DDLA_FAIL(INVALID, "cannot take %lld samples from position %lld of a data set of %lld",
                     (long long)subset->count, (long long)subset->first, (long long)parent->count);
  ddla_dataset *set = NULL;
  DDLA_TRY(DDLA_NEW(set, 1));
  *set = (ddla_dataset){.parent = parent,
                        .first = subset->first,
                        .count = subset->count,
                        .type = parent->type,
                        .shape = parent->shape,
                        .features = parent->features,
                        .labels = parent->labels,
                        .targets = parent->targets,
                        .target_count = parent->target_count,
                        .keys = parent->keys,
                        .order = ddla_order_plain(parent->count)};
  if (subset->shuffled)
    set->order =
        ddla_order_make(parent->count, ddla_rng_key(subset->seed, DDLA_PURPOSE_SPLIT, 0, 0));
  int64_t choice[4] = {subset->first, subset->count, subset->shuffled,
                       subset->shuffled ? (int64_t)subset->seed : 0};
  set->fingerprint = ddla_data_fingerprint_of(choice, sizeof choice, parent->fingerprint);
  *out = set;
  return DDLA_OK;
}

ddla_status ddla_dataset_split(ddla_dataset **train, ddla_dataset **validation,
                               const ddla_dataset *parent, double fraction, uint64_t seed) {
  if (!(fraction > 0.0 && fraction < 1.0))
    return DDLA_FAIL(INVALID, "a validation fraction of %g; expected more than 0 and less than 1",
                     fraction);
  int64_t held = llround(fraction * (double)parent->count);
  if (held < 1 || held >= parent->count)
    return DDLA_FAIL(
        INVALID,
        "a validation fraction of %g leaves one part of %lld samples empty; give a file "
        "for validation or another fraction",
        fraction, (long long)parent->count);
  /* Windows of a text that lie side by side would tell about each other. */
  const bool in_order = parent->type == DDLA_DATA_TOKENS;
  ddla_data_subset choice = {.seed = seed,
                             .shuffled = !in_order,
                             .first = in_order ? parent->count - held : 0,
                             .count = held};
  ddla_dataset *held_set = NULL;
  DDLA_TRY(ddla_dataset_subset(&held_set, parent, &choice));
  choice.first = in_order ? 0 : held, choice.count = parent->count - held;
  ddla_status status = ddla_dataset_subset(train, parent, &choice);
  if (status != DDLA_OK) {
    ddla_dataset_close(held_set);
    return status;
  }
  *validation = held_set;
  return DDLA_OK;
}

static ddla_status copy_classes(ddla_classes *out, const ddla_classes *from) {
  for (int i = 0; i < from->count; i++) {
    int32_t number = 0;
    DDLA_TRY(ddla_classes_add(&number, out, from->names[i], strlen(from->names[i])));
  }
  return DDLA_OK;
}

static ddla_status map_classes(int32_t *renumber, const ddla_dataset *set,
                               const ddla_classes *known) {
  int64_t *counts = NULL;
  DDLA_TRY(DDLA_NEW(counts, set->classes.count));
  for (int64_t i = 0; i < set->count; i++) counts[set->labels[i]]++;
  ddla_status status = DDLA_OK;
  for (int i = 0; i < set->classes.count; i++) {
    const char *name = set->classes.names[i];
    renumber[i] = ddla_classes_find(known, name, strlen(name));
    if (renumber[i] >= 0 || counts[i] == 0) continue;
    status =
        DDLA_FAIL(INVALID, "class \"%s\" (%lld samples) is not among the %d classes of training",
                  name, (long long)counts[i], known->count);
    break;
  }
  ddla_free(counts);
  return status;
}

ddla_status ddla_dataset_match_classes(ddla_dataset *set, const ddla_dataset *like) {
  DDLA_ASSERT(!set->parent);
  if (set->type == DDLA_DATA_TOKENS) return ddla_tokens_match(set, ddla_dataset_root(like));
  if (!set->labels) return DDLA_OK;
  const ddla_classes *known = &ddla_dataset_root(like)->classes;
  ddla_status status = DDLA_OK;
  ddla_classes classes = {0};
  int32_t *renumber = NULL;
  DDLA_TRY_CLEAN(status, DDLA_NEW(renumber, set->classes.count));
  DDLA_TRY_CLEAN(status, map_classes(renumber, set, known));
  DDLA_TRY_CLEAN(status, copy_classes(&classes, known));
  for (int64_t i = 0; i < set->count; i++) set->labels[i] = renumber[set->labels[i]];
  ddla_classes old = set->classes;
  set->classes = classes;
  classes = old;
  ddla_dataset_seal(set);
cleanup:
  ddla_classes_fini(&classes);
  ddla_free(renumber);
  return status;
}

void ddla_dataset_close(ddla_dataset *set) {
  if (!set) return;
  ddla_data_block_release(&set->features_block);
  ddla_data_block_release(&set->labels_block);
  ddla_data_block_release(&set->targets_block);
  ddla_classes_fini(&set->classes);
  ddla_classes_fini(&set->key_names);
  ddla_free(set->sums);
  if (set->far) ddla_prepared_index_fini(set->far);
  ddla_free(set->far);
  if (!set->parent) ddla_free(set->keys);
  ddla_free(set->piece);
  ddla_free(set->moved);
  ddla_free(set);
}
