#include "codec/select.h"

#include <math.h>
#include <string.h>

/* A magnitude has 31 bits: they are looked at in three parts. */
enum {
  PARTS = 3,
  PART_BITS_MAX = 11,
  BINS = 1 << PART_BITS_MAX,
  SAMPLES = 1 << 16,
  STEP = 4096 /* numbers at a time, that stay in the cache */
};

static const int part_bits[PARTS] = {11, 10, 10};

/* Scratch memory, cut up. Room for more picks than k: the limit is a guess. */
typedef struct room {
  int64_t picks;
  uint32_t *bins;
  ddla_codec_picks found;
} room;

static int64_t picks_of(int64_t count, int64_t k) {
  const int64_t picks = 2 * k + count / 64 + SAMPLES;
  return picks < count ? picks : count;
}

size_t ddla_select_scratch(int64_t count, int64_t k) {
  const size_t picks = (size_t)picks_of(count, k) + DDLA_CODEC_PICKS_SLACK;
  return BINS * sizeof(uint32_t) + picks * (sizeof(uint32_t) + sizeof(float));
}

static room room_of(const ddla_codec_source *source, int64_t k) {
  room r = {.picks = picks_of(source->count, k), .bins = source->scratch};
  r.found.index = r.bins + BINS;
  r.found.value = (float *)(void *)(r.found.index + r.picks + DDLA_CODEC_PICKS_SLACK);
  return r;
}

/* Counts, for the numbers whose higher bits are `prefix`, the next `bits` bits. */
static void fill_bins(uint32_t *bins, const float *v, int64_t n, int shift, int bits,
                      int32_t prefix) {
  const int32_t mask = (1 << bits) - 1;
  memset(bins, 0, BINS * sizeof *bins);
  for (int64_t i = 0; i < n; i++) {
    const int32_t high = ddla_codec_magnitude(v[i]) >> shift;
    if (high >> bits == prefix) bins[high & mask]++;
  }
}

/* The magnitude that the k-th largest of n numbers has, 0 < k <= n; *ties: how many of the k have
 * it. */
static int32_t limit_of(int64_t *ties, const float *v, int64_t n, int64_t k, uint32_t *bins) {
  int32_t prefix = 0;
  int shift = 31;
  for (int part = 0; part < PARTS; part++) {
    const int bits = part_bits[part];
    int32_t bin = (1 << bits) - 1;
    shift -= bits;
    fill_bins(bins, v, n, shift, bits, prefix);
    for (; k > bins[bin]; bin--) k -= bins[bin];
    prefix = prefix << bits | bin;
  }
  *ties = k;
  return prefix;
}

/* A magnitude that a few more than k numbers should reach: four standard deviations more among the
 * samples than there would be of k. Not 0, which all reach: where most numbers are zeros, those
 * that are not may be enough. */
static int32_t guess_limit(const room *r, const ddla_codec_source *source, int64_t k) {
  if (r->picks == source->count) return 0;
  const int64_t step = source->count / SAMPLES;
  const double expected = (double)k * SAMPLES / (double)source->count;
  const int64_t wanted = (int64_t)(expected + 4 * sqrt(expected)) + 8;
  int64_t ties = 0;
  if (wanted >= SAMPLES) return 1;
  for (int64_t i = 0; i < SAMPLES; i++) r->found.value[i] = ddla_codec_mixed(source, i * step);
  const int32_t limit = limit_of(&ties, r->found.value, SAMPLES, wanted, r->bins);
  return limit > 0 ? limit : 1;
}

/* Moves the state on, and sets aside what reaches the limit; false, with the state moved on all the
 * same, when there is no room. */
static bool collect(room *r, const ddla_codec_source *source, int32_t limit) {
  bool fits = true;
  r->found.count = 0;
  for (int64_t at = 0; at < source->count; at += STEP) {
    const int64_t left = source->count - at, n = left < STEP ? left : STEP;
    const float *v = source->values + at;
    if (source->residual) {
      source->loops->mix(source, at, n);
      v = source->residual + at;
    }
    fits = fits && r->picks - r->found.count >= n;
    if (fits) source->loops->collect(&r->found, v, at, n, limit);
    else if (!source->residual) break;
  }
  return fits;
}

/* Of picks, keeps those above the limit and the first `ties` that just reach it. */
static void keep(ddla_codec_picks *picks, int32_t limit, int64_t ties) {
  int64_t kept = 0;
  for (int64_t i = 0; i < picks->count; i++) {
    const int32_t here = ddla_codec_magnitude(picks->value[i]);
    if (here < limit || (here == limit && ties-- <= 0)) continue;
    picks->index[kept] = picks->index[i];
    picks->value[kept++] = picks->value[i];
  }
  picks->count = kept;
}

/* Where all numbers but zeros were found, and they are less than k: the first zeros come to them.
 * These and what was found among them are all of the array up to a place. */
static void add_zeros(ddla_codec_picks *picks, const float *v, int64_t k) {
  const int64_t zeros = k - picks->count;
  int64_t among = 0;
  while (among < picks->count && picks->index[among] < among + zeros) among++;
  const int64_t first = among + zeros;
  const size_t behind = (size_t)(picks->count - among);
  memmove(picks->index + first, picks->index + among, behind * sizeof *picks->index);
  memmove(picks->value + first, picks->value + among, behind * sizeof *picks->value);
  memcpy(picks->value, v, (size_t)first * sizeof *v);
  for (int64_t i = 0; i < first; i++) picks->index[i] = (uint32_t)i;
  picks->count = k;
}

/* The same without a guess, from the whole array. */
static void pick_exactly(room *r, const float *v, int64_t count, int64_t k) {
  int64_t ties = 0, kept = 0;
  const int32_t limit = limit_of(&ties, v, count, k, r->bins);
  for (int64_t i = 0; i < count && kept < k; i++) {
    const int32_t here = ddla_codec_magnitude(v[i]);
    if (here < limit || (here == limit && ties-- <= 0)) continue;
    r->found.index[kept] = (uint32_t)i;
    r->found.value[kept++] = v[i];
  }
  r->found.count = kept;
}

void ddla_select(ddla_codec_picks *out, const ddla_codec_source *source, int64_t k) {
  room r = room_of(source, k);
  const int32_t guess = k > 0 ? guess_limit(&r, source, k) : 0;
  const bool fits = collect(&r, source, guess);
  const float *v = source->residual ? source->residual : source->values;
  if (k == 0) {
    r.found.count = 0;
  } else if (fits && r.found.count >= k) {
    int64_t ties = 0;
    const int32_t limit = limit_of(&ties, r.found.value, r.found.count, k, r.bins);
    keep(&r.found, limit, ties);
  } else if (fits && guess == 1) {
    add_zeros(&r.found, v, k);
  } else {
    pick_exactly(&r, v, source->count, k);
  }
  *out = r.found;
}
