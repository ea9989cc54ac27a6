#include "data/census.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "data/format.h"

typedef struct print {
  uint64_t high, low; /* hash of the features */
  int64_t index;
} print;

void ddla_census_fini(ddla_census *census) {
  ddla_free(census->mean);
  ddla_free(census->deviation);
  ddla_free(census->least);
  ddla_free(census->most);
  ddla_free(census->class_counts);
  *census = (ddla_census){0};
}

void ddla_census_classes(int64_t *counts, const ddla_dataset *set) {
  const bool text = set->type == DDLA_DATA_TOKENS;
  const uint16_t *token = set->features;
  for (int c = 0; c < ddla_dataset_classes(set); c++) counts[c] = 0;
  for (int64_t i = 0; text && i < set->length; i++) counts[token[i]]++;
  for (int64_t i = 0; !text && set->labels && i < set->count; i++)
    counts[ddla_dataset_label(set, i)]++;
}

/* -sum of p log2 p over the classes that occur. */
static double entropy_of(const int64_t *counts, int classes) {
  double bits = 0, all = 0;
  for (int c = 0; c < classes; c++) all += (double)counts[c];
  for (int c = 0; c < classes; c++) {
    const double share = (double)counts[c] / all;
    if (counts[c] > 0) bits -= share * log2(share);
  }
  return bits;
}

static void widen(ddla_census *census, int64_t channel, double value) {
  if (value < census->least[channel]) census->least[channel] = value;
  if (value > census->most[channel]) census->most[channel] = value;
}

static void find_range(ddla_census *census, const ddla_dataset *set) {
  const int64_t places = set->shape.height * set->shape.width, channels = census->channels;
  for (int64_t c = 0; c < channels; c++) census->least[c] = INFINITY, census->most[c] = -INFINITY;
  for (int64_t i = 0; i < set->count; i++) {
    const void *sample = ddla_dataset_features(set, i);
    for (int64_t p = 0; p < places; p++)
      for (int64_t c = 0; c < channels; c++)
        widen(census, c,
              set->type == DDLA_DATA_UINT8 ? ((const uint8_t *)sample)[p * channels + c] / 255.0
                                           : ((const float *)sample)[p * channels + c]);
  }
}

static int by_hash(const void *a, const void *b) {
  const print *x = a, *y = b;
  if (x->high != y->high) return x->high < y->high ? -1 : 1;
  if (x->low != y->low) return x->low < y->low ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static bool same(const print *x, const print *y) { return x->high == y->high && x->low == y->low; }

/* Hashes of all samples' features, sorted; equal ones in the order of the set. */
static ddla_status make_prints(print **out, const ddla_dataset *set) {
  const size_t bytes = (size_t)ddla_data_shape_count(set->shape) * ddla_data_type_bytes(set->type);
  print *made = NULL;
  DDLA_TRY(DDLA_NEW(made, set->count));
  for (int64_t i = 0; i < set->count; i++) {
    const XXH128_hash_t hash = XXH3_128bits(ddla_dataset_features(set, i), bytes);
    made[i] = (print){.high = hash.high64, .low = hash.low64, .index = i};
  }
  qsort(made, (size_t)set->count, sizeof *made, by_hash);
  *out = made;
  return DDLA_OK;
}

static ddla_status find_repeated(ddla_census *census, const ddla_dataset *set) {
  print *prints = NULL;
  DDLA_TRY(make_prints(&prints, set));
  for (int64_t i = 1, first = 0; i < set->count; i++) {
    if (!same(&prints[i], &prints[first])) {
      first = i;
      continue;
    }
    census->repeated++;
    census->contradicting +=
        ddla_dataset_label(set, prints[i].index) != ddla_dataset_label(set, prints[first].index);
  }
  census->compared = true;
  ddla_free(prints);
  return DDLA_OK;
}

static ddla_status measure_channels(ddla_census *census, const ddla_dataset *set) {
  census->channels = set->shape.channels;
  DDLA_TRY(DDLA_NEW(census->mean, census->channels));
  DDLA_TRY(DDLA_NEW(census->deviation, census->channels));
  DDLA_TRY(DDLA_NEW(census->least, census->channels));
  DDLA_TRY(DDLA_NEW(census->most, census->channels));
  ddla_dataset_moments(census->mean, census->deviation, set);
  find_range(census, set);
  return DDLA_OK;
}

ddla_status ddla_census_of(ddla_census *out, const ddla_dataset *set) {
  ddla_census made = {.classes = ddla_dataset_classes(set)};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(made.class_counts, made.classes));
  ddla_census_classes(made.class_counts, set);
  if (made.classes > 0) made.entropy_bits = entropy_of(made.class_counts, made.classes);
  if (set->type != DDLA_DATA_TOKENS) {
    DDLA_TRY_CLEAN(status, measure_channels(&made, set));
    DDLA_TRY_CLEAN(status, find_repeated(&made, set));
  }
  *out = made;
  made = (ddla_census){0};
cleanup:
  ddla_census_fini(&made);
  return status;
}

static bool comparable(const ddla_dataset *a, const ddla_dataset *b) {
  return a->type != DDLA_DATA_TOKENS && a->type == b->type && a->shape.height == b->shape.height &&
         a->shape.width == b->shape.width && a->shape.channels == b->shape.channels;
}

ddla_status ddla_census_shared(int64_t *out, const ddla_dataset *set, const ddla_dataset *other) {
  print *mine = NULL, *theirs = NULL;
  int64_t shared = 0, at = 0;
  ddla_status status = DDLA_OK;
  *out = 0;
  if (!comparable(set, other)) return DDLA_OK;
  DDLA_TRY_CLEAN(status, make_prints(&mine, set));
  DDLA_TRY_CLEAN(status, make_prints(&theirs, other));
  for (int64_t i = 0; i < set->count; i++) {
    print here = mine[i];
    here.index = -1; /* before all of its hash */
    while (at < other->count && by_hash(&theirs[at], &here) < 0) at++;
    shared += at < other->count && same(&theirs[at], &here);
  }
  *out = shared;
cleanup:
  ddla_free(mine);
  ddla_free(theirs);
  return status;
}
