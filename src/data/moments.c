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

static void add_gray(byte_sums *total, const uint8_t *bytes, int64_t places) {
  for (int64_t done = 0; done < places; done += CHUNK_BYTES) {
    int64_t rest = places - done;
    byte_sums part = sum_chunk(bytes + done, rest < CHUNK_BYTES ? rest : CHUNK_BYTES);
    total->sum += part.sum;
    total->squares += part.squares;
  }
}

static void add_channels(byte_sums *total, const uint8_t *bytes, ddla_data_shape shape,
                         int64_t count) {
  for (int64_t p = 0; p < shape.height * shape.width; p++)
    for (int64_t c = 0; c < count; c++) {
      uint64_t value = bytes[p * shape.channels + c];
      total[c].sum += value;
      total[c].squares += value * value;
    }
}

/* Exact in integers (2^48 values are far more than fit a machine) up to the last divisions. */
static void byte_moments(float *mean, float *deviation, const ddla_dataset *set, int64_t first,
                         int64_t count) {
  byte_sums total[BLOCK] = {0};
  for (int64_t i = 0; i < set->count; i++) {
    const uint8_t *bytes = ddla_dataset_features(set, i);
    if (set->shape.channels == 1) add_gray(total, bytes, set->shape.height * set->shape.width);
    else add_channels(total, bytes + first, set->shape, count);
  }
  double values = (double)(set->shape.height * set->shape.width) * (double)set->count;
  for (int64_t c = 0; c < count; c++) {
    double average = (double)total[c].sum / values;
    double variance = (double)total[c].squares / values - average * average;
    mean[c] = (float)(average / 255.0);
    deviation[c] = variance > 1e-9 ? (float)(sqrt(variance) / 255.0) : 1.0f;
  }
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

static void float_moments(float *mean, float *deviation, const ddla_dataset *set, int64_t first,
                          int64_t count) {
  double average[BLOCK] = {0}, squares[BLOCK] = {0};
  double values = (double)(set->shape.height * set->shape.width) * (double)set->count;
  add_powers(average, set, first, count, NULL);
  for (int64_t c = 0; c < count; c++) average[c] /= values;
  add_powers(squares, set, first, count, average);
  for (int64_t c = 0; c < count; c++) {
    double spread = sqrt(squares[c] / values);
    mean[c] = (float)average[c];
    /* what is left of a constant that has no exact mean is rounding, not spread */
    deviation[c] = spread > 1e-9 * fabs(average[c]) && (float)spread > 0 ? (float)spread : 1.0f;
  }
}

void ddla_dataset_moments(float *mean, float *deviation, const ddla_dataset *set) {
  for (int64_t first = 0; first < set->shape.channels; first += BLOCK) {
    int64_t rest = set->shape.channels - first, count = rest < BLOCK ? rest : BLOCK;
    if (set->type == DDLA_DATA_UINT8)
      byte_moments(mean + first, deviation + first, set, first, count);
    else float_moments(mean + first, deviation + first, set, first, count);
  }
}
