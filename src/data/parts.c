#include "data/parts.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"
#include "data/format.h"

enum { WEIGHT_BITS = 18 }; /* 64 parts of weight up to 64: 24 bits, as a float has */

/* ---- what is known of the samples ---- */

static int32_t home_of(const ddla_dataset *set, int64_t index) {
  return ddla_dataset_home(set, index);
}

/* Labels, keys or homes of a set; null where it has none. */
static ddla_status copy_numbers(int32_t **out, const ddla_dataset *set,
                                int32_t (*number_of)(const ddla_dataset *, int64_t), bool has) {
  const int64_t count = ddla_dataset_count(set);
  *out = NULL;
  if (!has) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(*out, count));
  for (int64_t i = 0; i < count; i++) (*out)[i] = number_of(set, i);
  return DDLA_OK;
}

static ddla_status assign(int32_t *owner, const ddla_dataset *set, const ddla_partition_kind *kind,
                          const ddla_partition_rule *rule) {
  int32_t *label = NULL, *key = NULL, *home = NULL;
  const bool homed = kind->needs_homes && ddla_dataset_pieces(set) > 0;
  const bool labelled = kind->needs_labels && set->labels, keyed = kind->needs_keys && set->keys;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, copy_numbers(&label, set, ddla_dataset_label, labelled));
  DDLA_TRY_CLEAN(status, copy_numbers(&key, set, ddla_dataset_key, keyed));
  DDLA_TRY_CLEAN(status, copy_numbers(&home, set, home_of, homed));
  const ddla_partition_samples samples = {.count = ddla_dataset_count(set),
                                          .labels = labelled ? ddla_dataset_classes(set) : 0,
                                          .keys = keyed ? ddla_dataset_keys(set) : 0,
                                          .label = label,
                                          .key = key,
                                          .homes = homed ? ddla_dataset_pieces(set) : 0,
                                          .home = home};
  DDLA_TRY_CLEAN(status, ddla_partition_assign(owner, kind, &samples, rule));
cleanup:
  ddla_free(home);
  ddla_free(key);
  ddla_free(label);
  return status;
}

/* ---- lists ---- */

/* Marks of the samples that all parts have; null where there are none. */
static ddla_status choose_shared(bool **out, ddla_parts *parts, double fraction, uint64_t seed) {
  parts->shared = llround(fraction * (double)parts->samples);
  *out = NULL;
  if (parts->shared == 0) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(*out, parts->samples));
  const ddla_order order =
      ddla_order_make(parts->samples, ddla_partition_key(seed, DDLA_PARTITION_SHARED, 0));
  for (int64_t p = 0; p < parts->shared; p++) (*out)[ddla_order_at(&order, p)] = true;
  return DDLA_OK;
}

/* Where each part's samples begin. */
static void place_parts(ddla_parts *parts, const int32_t *owner, const bool *shared) {
  int64_t given[DDLA_PARTS_MAX] = {0}; /* of the shared ones, a part's own */
  for (int64_t i = 0; i < parts->samples; i++) {
    parts->own[owner[i]]++;
    given[owner[i]] += shared && shared[i];
  }
  for (int p = 0; p < parts->count; p++)
    parts->first[p + 1] = parts->first[p] + parts->own[p] + parts->shared - given[p];
}

static void list_samples(ddla_parts *parts, const int32_t *owner, const bool *shared) {
  int64_t next[DDLA_PARTS_MAX], other[DDLA_PARTS_MAX];
  for (int p = 0; p < parts->count; p++) {
    next[p] = parts->first[p];
    other[p] = next[p] + parts->own[p];
  }
  for (int64_t i = 0; i < parts->samples; i++) {
    parts->sample[next[owner[i]]++] = i;
    for (int p = 0; shared && shared[i] && p < parts->count; p++)
      if (p != owner[i]) parts->sample[other[p]++] = i;
  }
}

ddla_status ddla_parts_make(ddla_parts **out, const ddla_dataset *set,
                            const ddla_partition_kind *kind, const ddla_partition_rule *rule,
                            double shared) {
  ddla_parts *parts = NULL;
  int32_t *owner = NULL;
  bool *mark = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(parts, 1));
  *parts = (ddla_parts){.kind = kind, .count = rule->parts, .samples = ddla_dataset_count(set)};
  DDLA_TRY_CLEAN(status, DDLA_NEW(owner, parts->samples));
  DDLA_TRY_CLEAN(status, assign(owner, set, kind, rule));
  DDLA_TRY_CLEAN(status, choose_shared(&mark, parts, shared, rule->seed));
  place_parts(parts, owner, mark);
  DDLA_TRY_CLEAN(status, DDLA_NEW(parts->sample, parts->first[parts->count]));
  list_samples(parts, owner, mark);
  *out = parts;
  parts = NULL;
cleanup:
  ddla_parts_destroy(parts);
  ddla_free(mark);
  ddla_free(owner);
  return status;
}

void ddla_parts_destroy(ddla_parts *parts) {
  if (!parts) return;
  ddla_free(parts->sample);
  ddla_free(parts);
}

/* ---- what they hold ---- */

void ddla_parts_owners(int32_t *owner, const ddla_parts *parts) {
  for (int p = 0; p < parts->count; p++)
    for (int64_t k = 0; k < parts->own[p]; k++) owner[parts->sample[parts->first[p] + k]] = p;
}

uint64_t ddla_parts_fingerprint(const ddla_parts *parts) {
  const uint64_t counts = XXH3_64bits(parts->own, (size_t)parts->count * sizeof *parts->own);
  return XXH3_64bits_withSeed(parts->sample,
                              (size_t)parts->first[parts->count] * sizeof *parts->sample, counts);
}

void ddla_parts_weights(double weight[DDLA_PARTS_MAX], const ddla_parts *parts) {
  const int64_t whole = (int64_t)parts->count << WEIGHT_BITS;
  int64_t until = 0, given = 0, units[DDLA_PARTS_MAX];
  int most = 0;
  for (int p = 0; p < parts->count; p++) {
    until += parts->own[p];
    const int64_t border = (int64_t)((__int128)whole * until / parts->samples);
    units[p] = border - given;
    given = border;
    if (units[p] > units[most]) most = p;
  }
  for (int p = 0; p < parts->count; p++) {
    if (units[p] == 0) units[p]++, units[most]--;
  }
  for (int p = 0; p < parts->count; p++) weight[p] = ldexp((double)units[p], -WEIGHT_BITS);
}

void ddla_parts_count(int64_t *counts, const ddla_parts *parts, const ddla_dataset *set,
                      int labels) {
  memset(counts, 0, (size_t)(parts->count * labels) * sizeof *counts);
  for (int p = 0; p < parts->count; p++)
    for (int64_t k = 0; k < parts->own[p]; k++) {
      const int32_t label = ddla_dataset_label(set, parts->sample[parts->first[p] + k]);
      if (label >= 0 && label < labels) counts[p * labels + label]++;
    }
}

/* ---- streams ---- */

ddla_part_stream ddla_part_stream_of(const ddla_parts *parts, int part, bool shared,
                                     uint64_t seed) {
  DDLA_ASSERT(part >= 0 && part < parts->count);
  return (ddla_part_stream){.sample = parts->sample + parts->first[part],
                            .count = shared ? parts->first[part + 1] - parts->first[part]
                                            : parts->own[part],
                            .seed = seed,
                            .part = part};
}

int64_t ddla_part_stream_fill(int64_t *out, int64_t *pass, const ddla_part_stream *stream,
                              int64_t position, int64_t count) {
  const int64_t place = position % stream->count, left = stream->count - place;
  const int64_t filled = count < left ? count : left;
  *pass = position / stream->count;
  const ddla_order order =
      ddla_order_make(stream->count, ddla_rng_key(stream->seed, DDLA_PURPOSE_ORDER, (uint64_t)*pass,
                                                  1 + (uint64_t)stream->part));
  for (int64_t i = 0; i < filled; i++) out[i] = stream->sample[ddla_order_at(&order, place + i)];
  return filled;
}
