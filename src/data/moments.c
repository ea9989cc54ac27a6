#include <math.h>
#include <string.h>

#include "data/format.h"

/* Channels are taken in blocks, so that a pass reads rows in the order in which they lie.
 * CHUNK_BYTES: the largest number of bytes whose squares add up in 32 bits, 65536 * 255^2 < 2^32.
 */
enum { BLOCK = 64, CHUNK_BYTES = 65536 };

typedef struct byte_sums {
  uint64_t sum, squares;
} byte_sums;

/* count <= CHUNK_BYTES; apart so that it vectorises */
static byte_sums sum_chunk(const uint8_t *bytes, int64_t count) {
  uint32_t sum = 0, squares = 0;
  for (int64_t i = 0; i < count; i++) {
    sum += bytes[i];
    squares += (uint32_t)bytes[i] * bytes[i];
  }
  return (byte_sums){.sum = sum, .squares = squares};
}

void ddla_channel_sums_add_bytes(ddla_channel_sums *to, const uint8_t *bytes, int64_t count) {
  for (int64_t done = 0; done < count; done += CHUNK_BYTES) {
    int64_t rest = count - done;
    byte_sums part = sum_chunk(bytes + done, rest < CHUNK_BYTES ? rest : CHUNK_BYTES);
    to->sum += part.sum;
    to->squares += part.squares;
  }
}

static void add_channels(ddla_channel_sums *total, const uint8_t *bytes, ddla_data_shape shape,
                         int64_t count) {
  for (int64_t p = 0; p < shape.height * shape.width; p++)
    for (int64_t c = 0; c < count; c++) {
      uint64_t value = bytes[p * shape.channels + c];
      total[c].sum += value;
      total[c].squares += value * value;
    }
}

static void sum_bytes(ddla_channel_sums *out, const ddla_dataset *set, int64_t first,
                      int64_t count) {
  ddla_channel_sums total[BLOCK] = {0};
  for (int64_t i = 0; i < set->count; i++) {
    const uint8_t *bytes = ddla_dataset_features(set, i);
    if (set->shape.channels == 1)
      ddla_channel_sums_add_bytes(total, bytes, set->shape.height * set->shape.width);
    else add_channels(total, bytes + first, set->shape, count);
  }
  for (int64_t c = 0; c < count; c++) out[c] = total[c];
}

/* sums[c] += (x - origin[c])^power over the set, in its order */
static void add_powers(double *sums, const ddla_dataset *set, int64_t first, int64_t count,
                       const double *origin) {
  for (int64_t i = 0; i < set->count; i++) {
    const float *row = (const float *)ddla_dataset_features(set, i) + first;
    for (int64_t p = 0; p < set->shape.height * set->shape.width; p++, row += set->shape.channels)
      for (int64_t c = 0; c < count; c++) {
        double value = (double)row[c] - (origin ? origin[c] : 0.0);
        sums[c] += origin ? value * value : value;
      }
  }
}

static double values_of(const ddla_dataset *set) {
  return (double)(set->shape.height * set->shape.width) * (double)set->count;
}

static void sum_floats(ddla_channel_sums *out, const ddla_dataset *set, int64_t first,
                       int64_t count) {
  double average[BLOCK] = {0}, spread[BLOCK] = {0};
  add_powers(average, set, first, count, NULL);
  for (int64_t c = 0; c < count; c++) average[c] /= values_of(set);
  add_powers(spread, set, first, count, average);
  for (int64_t c = 0; c < count; c++)
    out[c] = (ddla_channel_sums){.average = average[c], .spread = spread[c]};
}

static void sum_block(ddla_channel_sums *out, const ddla_dataset *set, int64_t first,
                      int64_t count) {
  if (set->type == DDLA_DATA_UINT8) sum_bytes(out, set, first, count);
  else sum_floats(out, set, first, count);
  for (int64_t c = 0; c < count; c++) out[c].values = values_of(set);
}

static int64_t block_at(const ddla_dataset *set, int64_t first) {
  const int64_t rest = set->shape.channels - first;
  return rest < BLOCK ? rest : BLOCK;
}

bool ddla_dataset_summed(const ddla_dataset *set) { return set->sums != NULL; }

void ddla_dataset_sums(ddla_channel_sums *out, const ddla_dataset *set) {
  if (set->sums) {
    memcpy(out, set->sums, (size_t)set->shape.channels * sizeof *out);
    return;
  }
  for (int64_t first = 0; first < set->shape.channels; first += BLOCK)
    sum_block(out + first, set, first, block_at(set, first));
}

/* Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance",
 * doi:10.1080/00031305.1983.10483115, (2.1) */
void ddla_channel_sums_add(ddla_channel_sums *to, const ddla_channel_sums *more) {
  const double all = to->values + more->values, apart = more->average - to->average;
  if (all == 0) return;
  to->spread += more->spread + apart * apart * (to->values / all) * more->values;
  to->average += apart * (more->values / all);
  to->sum += more->sum;
  to->squares += more->squares;
  to->values = all;
}

/* Exact in integers (2^48 values are far more than fit a machine) up to the last divisions. */
static void byte_moments(float *mean, float *deviation, const ddla_channel_sums *sums) {
  double average = (double)sums->sum / sums->values;
  double variance = (double)sums->squares / sums->values - average * average;
  *mean = (float)(average / 255.0);
  *deviation = variance > 1e-9 ? (float)(sqrt(variance) / 255.0) : 1.0f;
}

static void float_moments(float *mean, float *deviation, const ddla_channel_sums *sums) {
  double spread = sqrt(sums->spread / sums->values);
  *mean = (float)sums->average;
  /* what is left of a constant that has no exact mean is rounding, not spread */
  *deviation = spread > 1e-9 * fabs(sums->average) && (float)spread > 0 ? (float)spread : 1.0f;
}

void ddla_channel_sums_moments(float *mean, float *deviation, const ddla_channel_sums *sums,
                               int64_t channels, ddla_data_type type) {
  for (int64_t c = 0; c < channels; c++)
    if (type == DDLA_DATA_UINT8) byte_moments(mean + c, deviation + c, sums + c);
    else float_moments(mean + c, deviation + c, sums + c);
}

void ddla_dataset_moments(float *mean, float *deviation, const ddla_dataset *set) {
  ddla_channel_sums sums[BLOCK];
  if (set->sums) {
    ddla_channel_sums_moments(mean, deviation, set->sums, set->shape.channels, set->type);
    return;
  }
  for (int64_t first = 0; first < set->shape.channels; first += BLOCK) {
    const int64_t count = block_at(set, first);
    sum_block(sums, set, first, count);
    ddla_channel_sums_moments(mean + first, deviation + first, sums, count, set->type);
  }
}
