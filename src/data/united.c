#include "data/united.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/text.h"
#include "data/format.h"

/* ---- names ---- */

/* "7", but neither "07" nor "+7". */
static bool is_number(int64_t *value, const char *name) {
  char text[32];
  if (!ddla_text_to_int(value, name)) return false;
  snprintf(text, sizeof text, "%lld", (long long)*value);
  return strcmp(text, name) == 0;
}

static int by_value(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

/* True where all names are numbers, which are then in values [count], sorted. */
static bool sort_numbers(int64_t *values, const ddla_classes *classes) {
  for (int i = 0; i < classes->count; i++)
    if (!is_number(&values[i], classes->names[i])) return false;
  qsort(values, (size_t)classes->count, sizeof *values, by_value);
  return true;
}

static ddla_status add_numbers(ddla_classes *out, const int64_t *values, int count) {
  char text[32];
  int32_t number = 0;
  for (int i = 0; i < count; i++) {
    const int length = snprintf(text, sizeof text, "%lld", (long long)values[i]);
    DDLA_TRY(ddla_classes_add(&number, out, text, (size_t)length));
  }
  return DDLA_OK;
}

static ddla_status sort_names(ddla_classes *classes) {
  int64_t *values = NULL;
  int32_t *renumber = NULL;
  ddla_classes sorted = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(values, classes->count + 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(renumber, classes->count + 1));
  if (!sort_numbers(values, classes)) {
    status = ddla_classes_sort(classes, renumber);
    goto cleanup;
  }
  DDLA_TRY_CLEAN(status, add_numbers(&sorted, values, classes->count));
  const ddla_classes old = *classes;
  *classes = sorted;
  sorted = old;
cleanup:
  ddla_classes_fini(&sorted);
  ddla_free(renumber);
  ddla_free(values);
  return status;
}

ddla_status ddla_classes_unite(ddla_classes *out, const char *const *names, const int *counts,
                               int lists) {
  ddla_classes made = {0};
  ddla_status status = DDLA_OK;
  int32_t number = 0;
  for (int l = 0; l < lists; l++) {
    const char *name = names[l];
    for (int i = 0; i < counts[l]; i++, name += strlen(name) + 1)
      DDLA_TRY_CLEAN(status, ddla_classes_add(&number, &made, name, strlen(name)));
  }
  if (made.count > 0) DDLA_TRY_CLEAN(status, sort_names(&made));
  *out = made;
  return DDLA_OK;
cleanup:
  ddla_classes_fini(&made);
  return status;
}

/* ---- the set ---- */

static void hash_on(ddla_data_fingerprint *print, const void *bytes, size_t length) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, length, print->low ^ (print->high << 1));
  *print = (ddla_data_fingerprint){.low = hash.low64, .high = hash.high64};
}

static ddla_data_fingerprint fingerprint_of(const ddla_dataset *set) {
  ddla_data_fingerprint print = {0};
  for (int p = 0; p < set->pieces; p++) {
    const ddla_data_piece *piece = &set->piece[p];
    const uint64_t words[] = {(uint64_t)piece->count, piece->fingerprint.low,
                              piece->fingerprint.high};
    hash_on(&print, words, sizeof words);
  }
  for (int i = 0; i < set->classes.count; i++)
    hash_on(&print, set->classes.names[i], strlen(set->classes.names[i]) + 1);
  return print;
}

static const ddla_dataset *find_here(const ddla_data_piece *pieces, int count) {
  for (int p = 0; p < count; p++)
    if (pieces[p].set) return pieces[p].set;
  return NULL;
}

ddla_status ddla_dataset_unite(ddla_dataset **out, const ddla_data_piece *pieces, int count,
                               ddla_classes *classes) {
  const ddla_dataset *like = find_here(pieces, count);
  ddla_dataset *set = NULL;
  DDLA_ASSERT(like);
  DDLA_TRY(DDLA_NEW(set, 1));
  set->type = like->type;
  set->shape = like->shape;
  set->target_count = like->target_count;
  ddla_status status = DDLA_NEW(set->piece, count);
  if (status != DDLA_OK) {
    ddla_free(set);
    return status;
  }
  set->pieces = count;
  for (int p = 0; p < count; p++) {
    DDLA_ASSERT(!pieces[p].set || pieces[p].set->count == pieces[p].count);
    set->piece[p] = pieces[p];
    set->piece[p].first = set->count;
    set->count += pieces[p].count;
  }
  set->classes = *classes;
  *classes = (ddla_classes){0};
  set->fingerprint = fingerprint_of(set);
  *out = set;
  return DDLA_OK;
}

int ddla_dataset_pieces(const ddla_dataset *set) { return set->pieces; }

int64_t ddla_dataset_piece_count(const ddla_dataset *set, int piece) {
  DDLA_ASSERT(piece >= 0 && piece < set->pieces);
  return set->piece[piece].count;
}

/* The last piece that begins at the sample or before it; empty ones have none. */
static int find_piece(const ddla_dataset *root, int64_t index) {
  int low = 0, high = root->pieces - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (root->piece[middle].first <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

int ddla_dataset_home(const ddla_dataset *set, int64_t index) {
  const ddla_dataset *root = ddla_dataset_root(set);
  return root->pieces > 0 ? find_piece(root, ddla_dataset_root_index(set, index)) : 0;
}

const ddla_dataset *ddla_dataset_piece_of(int64_t *place, const ddla_dataset *set, int64_t index) {
  const ddla_dataset *root = ddla_dataset_root(set);
  *place = index;
  if (root->pieces == 0) return set;
  const int64_t number = ddla_dataset_root_index(set, index);
  if (root->where) {
    *place = root->where[number];
    return root->moved;
  }
  const ddla_data_piece *piece = &root->piece[find_piece(root, number)];
  DDLA_ASSERT(piece->set); /* who asks for a record must be where it lies */
  *place = number - piece->first;
  return piece->set;
}

const ddla_dataset *ddla_dataset_piece_here(const ddla_dataset *set) {
  const ddla_dataset *root = ddla_dataset_root(set);
  return root->pieces > 0 ? find_here(root->piece, root->pieces) : set;
}

void ddla_dataset_keep_piece(ddla_dataset *set, int piece) {
  for (int p = 0; p < set->pieces; p++)
    if (p != piece) set->piece[p].set = NULL;
}

/* ---- records that move ---- */

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* Bytes of features, label and targets of one record. */
static void parts_of(size_t part[3], const ddla_dataset *set) {
  const ddla_dataset *any = ddla_dataset_piece_here(set);
  part[0] = (size_t)ddla_data_shape_count(set->shape) * ddla_data_type_bytes(set->type);
  part[1] = any->labels ? sizeof(int32_t) : 0;
  part[2] = any->targets ? (size_t)any->target_count * sizeof(float) : 0;
}

size_t ddla_dataset_record_bytes(const ddla_dataset *set) {
  size_t part[3];
  DDLA_ASSERT(set->type != DDLA_DATA_TOKENS);
  parts_of(part, set);
  return part[0] + part[1] + part[2];
}

size_t ddla_data_store_bytes(const ddla_dataset *set, int64_t count) {
  size_t part[3], bytes = 0;
  parts_of(part, set);
  for (int i = 0; i < 3; i++) bytes += rounded(part[i] * (size_t)count);
  return bytes;
}

ddla_data_store ddla_data_store_at(void *memory, const ddla_dataset *set, int64_t count) {
  size_t part[3];
  unsigned char *at = memory;
  parts_of(part, set);
  ddla_data_store store = {.count = count, .features = at};
  at += rounded(part[0] * (size_t)count);
  if (part[1] > 0) store.labels = (int32_t *)(void *)at;
  at += rounded(part[1] * (size_t)count);
  if (part[2] > 0) store.targets = (float *)(void *)at;
  return store;
}

void ddla_dataset_take_record(unsigned char *record, const ddla_dataset *set, int64_t index) {
  size_t part[3];
  int64_t row = 0;
  const ddla_dataset *at = ddla_dataset_record(&row, set, index);
  parts_of(part, set);
  memcpy(record, ddla_dataset_features(set, index), part[0]);
  if (part[1] > 0) memcpy(record + part[0], at->labels + row, part[1]);
  if (part[2] > 0)
    memcpy(record + part[0] + part[1], at->targets + row * at->target_count, part[2]);
}

void ddla_data_store_take_record(unsigned char *record, const ddla_data_store *store,
                                 const ddla_dataset *like, int64_t row) {
  size_t part[3];
  parts_of(part, like);
  memcpy(record, store->features + part[0] * (size_t)row, part[0]);
  if (part[1] > 0) memcpy(record + part[0], store->labels + row, part[1]);
  if (part[2] > 0)
    memcpy(record + part[0] + part[1], store->targets + row * like->target_count, part[2]);
}

void ddla_data_store_put_record(const ddla_data_store *store, const ddla_dataset *like, int64_t row,
                                const unsigned char *record) {
  size_t part[3];
  parts_of(part, like);
  memcpy(store->features + part[0] * (size_t)row, record, part[0]);
  if (part[1] > 0) memcpy(store->labels + row, record + part[0], part[1]);
  if (part[2] > 0)
    memcpy(store->targets + row * like->target_count, record + part[0] + part[1], part[2]);
}

ddla_status ddla_dataset_move(ddla_dataset *set, const ddla_data_store *store,
                              const int64_t *where) {
  ddla_dataset *moved = NULL;
  DDLA_TRY(DDLA_NEW(moved, 1));
  moved->count = store->count;
  moved->type = set->type;
  moved->shape = set->shape;
  moved->features = store->features;
  moved->labels = store->labels;
  moved->targets = store->targets;
  moved->target_count = set->target_count;
  ddla_free(set->moved);
  set->moved = moved;
  set->where = where;
  return DDLA_OK;
}
