#include "optim/finite.h"

#include <math.h>
#include <string.h>

/* IEEE 754, 32 bits: neither NaN nor infinite where some bit of the exponent is 0. */
#define EXPONENT UINT32_C(0x7f800000)

enum { BLOCK = 4096 };

typedef struct bad_argument {
  const float *values;
  int64_t count;
  int64_t *bad;
} bad_argument;

/* Whole numbers of the elements' size, so that a vector holds as many sums as elements. */
static inline __attribute__((always_inline)) int64_t block_bad(const float *values, int64_t count) {
  uint32_t bad = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits = 0;
    memcpy(&bits, values + i, sizeof bits);
    bad += (bits & EXPONENT) == EXPONENT;
  }
  return bad;
}

DDLA_ISA_BODY bad_body(const bad_argument *argument) {
  int64_t bad = 0;
  for (int64_t at = 0; at < argument->count; at += BLOCK) {
    const int64_t left = argument->count - at;
    bad += block_bad(argument->values + at, left < BLOCK ? left : BLOCK);
  }
  *argument->bad = bad;
}

DDLA_ISA_FUNCTION(count_bad, bad_body, bad_argument)

int64_t ddla_finite_bad(const float *values, int64_t count, ddla_isa isa) {
  int64_t bad = 0;
  count_bad(isa, &(bad_argument){values, count, &bad});
  return bad;
}

ddla_finite ddla_finite_look(const float *values, int64_t count) {
  ddla_finite found = {0};
  if (ddla_finite_bad(values, count, DDLA_ISA_BEST) == 0) return found;
  for (int64_t i = 0; i < count; i++) {
    if (isfinite(values[i])) continue;
    if (isnan(values[i])) found.nan++;
    else found.infinite++;
    if (found.first == 0) found.first = i + 1;
  }
  return found;
}
