#include "optim/norm.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, WIDTH = 4, VECTORS = LANES / WIDTH };

/* Vectors of the compiler, not of a processor: the lane structure stays what the source says. Four
 * times four, since gcc 12 makes poor code of wider vectors where the processor has none. */
typedef float float_lanes __attribute__((vector_size(WIDTH * sizeof(float))));
typedef double double_lanes __attribute__((vector_size(WIDTH * sizeof(double))));

typedef struct sums_argument {
  double *sums;
  const float *values;
  int64_t count;
} sums_argument;

static inline __attribute__((always_inline)) void add_squares(double_lanes *sum,
                                                              const float *values) {
  for (int v = 0; v < VECTORS; v++) {
    float_lanes part = {0};
    memcpy(&part, values + WIDTH * v, sizeof part);
    double_lanes x = __builtin_convertvector(part, double_lanes);
    sum[v] += x * x;
  }
}

static inline __attribute__((always_inline)) double block_sum(const float *values, int64_t count) {
  double_lanes sum[VECTORS] = {{0}};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) add_squares(sum, values + i);
  if (i < count) { /* the missing ones are zeros, which change no sum of squares */
    float rest[LANES] = {0};
    memcpy(rest, values + i, (size_t)(count - i) * sizeof *values);
    add_squares(sum, rest);
  }
  double lane[LANES];
  memcpy(lane, sum, sizeof lane);
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

DDLA_ISA_BODY sums_body(const sums_argument *a) {
  for (int64_t begin = 0, block = 0; begin < a->count; begin += DDLA_NORM_BLOCK, block++) {
    int64_t left = a->count - begin;
    a->sums[block] = block_sum(a->values + begin, left < DDLA_NORM_BLOCK ? left : DDLA_NORM_BLOCK);
  }
}

DDLA_ISA_FUNCTION(sums, sums_body, sums_argument)

int64_t ddla_norm_blocks(int64_t count) { return (count + DDLA_NORM_BLOCK - 1) / DDLA_NORM_BLOCK; }

void ddla_norm_block_sums(double *out, const float *values, int64_t count, ddla_isa isa) {
  sums(isa, &(sums_argument){.sums = out, .values = values, .count = count});
}

double ddla_norm_tree_column(const double *values, int64_t count, int64_t stride) {
  if (count <= 0) return 0;
  if (count == 1) return values[0];
  int64_t half = 1;
  while (half * 2 < count) half *= 2;
  return ddla_norm_tree_column(values, half, stride) +
         ddla_norm_tree_column(values + half * stride, count - half, stride);
}

double ddla_norm_tree(const double *values, int64_t count) {
  return ddla_norm_tree_column(values, count, 1);
}

double ddla_norm_value(double sum_of_squares, double scale) { return scale * sqrt(sum_of_squares); }

double ddla_norm_clip(double norm, double max_norm) {
  if (max_norm == 0) return 1;
  double factor = max_norm / (norm + 1e-6);
  return factor > 1 ? 1 : factor;
}
