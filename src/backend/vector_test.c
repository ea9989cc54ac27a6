#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/vector.h"
#include "base/rng.h"

enum { MOST = 200 };

static float a[MOST + 16], b[MOST + 16], to[MOST + 16];

static void fill(void) {
  ddla_rng rng = ddla_rng_make(3);
  for (int i = 0; i < MOST + 16; i++) {
    a[i] = ddla_rng_normal(&rng);
    b[i] = ddla_rng_normal(&rng);
  }
  a[5] = NAN;
  b[6] = 0;
  b[7] = NAN;
}

static void same(float found, float wanted) {
  if (isnan(wanted)) assert_true(isnan(found));
  else assert_memory_equal(&found, &wanted, sizeof found);
}

static void loops_match_plain_ones_for_every_count_and_place(void **state) {
  (void)state;
  const float limit[2] = {0, 0.5f};
  fill();
  b[8] = limit[1];
  for (int count = 0; count < MOST; count += 1 + count / 20)
    for (int shift = 0; shift < 4; shift++) {
      const float *x = a + shift, *y = b + shift;
      float *z = to + 3 - shift;
      z[count] = 77;
      ddla_vector_sum(z, x, y, count);
      for (int i = 0; i < count; i++) same(z[i], x[i] + y[i]);
      ddla_vector_product(z, x, y, count);
      for (int i = 0; i < count; i++) same(z[i], x[i] * y[i]);
      ddla_vector_scale(z, x, 0.3f, count);
      for (int i = 0; i < count; i++) same(z[i], 0.3f * x[i]);
      ddla_vector_relu(z, x, count);
      for (int i = 0; i < count; i++) same(z[i], x[i] <= 0 ? 0 : x[i]);
      ddla_vector_mask(z, x, y, count);
      for (int i = 0; i < count; i++) same(z[i], y[i] <= 0 ? 0 : x[i]);
      ddla_vector_leak(z, x, y, 0.3f, count);
      for (int i = 0; i < count; i++) same(z[i], y[i] > 0 ? x[i] : 0.3f * x[i]);
      ddla_vector_clamp(z, x, -0.5f, 0.25f, count);
      for (int i = 0; i < count; i++)
        same(z[i], x[i] < -0.5f ? -0.5f : x[i] > 0.25f ? 0.25f : x[i]);
      ddla_vector_between(z, x, y, limit, count);
      for (int i = 0; i < count; i++) same(z[i], y[i] > limit[0] && y[i] < limit[1] ? x[i] : 0);
      memcpy(z, y, (size_t)count * sizeof *z);
      ddla_vector_add(z, x, count);
      for (int i = 0; i < count; i++) same(z[i], y[i] + x[i]);
      assert_true(z[count] == 77);
    }
}

static float from_bits(uint32_t bits) {
  float x = 0;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The nearest number of eight bits of significand, by arithmetic in place of bits. */
static float nearest(float x) {
  int exponent = 0;
  if (!isfinite(x) || x == 0) return x;
  const double part = frexp((double)x, &exponent);
  return (float)ldexp(nearbyint(ldexp(part, 8)), exponent - 8);
}

static void numbers_are_rounded_to_bf16(void **state) {
  (void)state;
  const float known[][2] = {{1 + 1 / 256.0f, 1},
                            {1 + 3 / 256.0f, 1 + 4 / 256.0f},
                            {1 + 1 / 256.0f + 1e-6f, 1 + 2 / 256.0f},
                            {-1 - 1 / 256.0f, -1},
                            {0.0f, 0.0f},
                            {3.4e38f, INFINITY},
                            {-INFINITY, -INFINITY},
                            {from_bits(0x7f800001), NAN},
                            {from_bits(0xffffffff), NAN}};
  enum { KNOWN = sizeof known / sizeof known[0] };
  fill();
  for (int i = 0; i < KNOWN; i++) a[i] = known[i][0];
  for (int count = 0; count < MOST; count += 1 + count / 20)
    for (int shift = 0; shift < 4; shift++) {
      uint16_t narrow[MOST + 1];
      to[count] = 77;
      narrow[count] = 77;
      ddla_vector_round_bf16(to, a + shift, count);
      ddla_vector_narrow_bf16(narrow, a + shift, count);
      for (int i = 0; i < count; i++) {
        same(to[i], i + shift < KNOWN ? known[i + shift][1] : nearest(a[i + shift]));
        assert_true(isnan(to[i]) ? isnan(from_bits((uint32_t)narrow[i] << 16))
                                 : from_bits((uint32_t)narrow[i] << 16) == to[i]);
      }
      assert_true(to[count] == 77 && narrow[count] == 77);
    }
}

static void rows_are_summed(void **state) {
  (void)state;
  fill();
  a[5] = 1;
  for (int columns = 1; columns <= 100; columns++) {
    int rows = MOST / columns;
    to[columns] = 77;
    ddla_vector_sum_rows(to, a, rows, columns);
    for (int c = 0; c < columns; c++) {
      float sum = 0;
      for (int r = 0; r < rows; r++) sum += a[r * columns + c];
      assert_true(fabsf(to[c] - sum) < 1e-4f);
    }
    assert_true(to[columns] == 77);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loops_match_plain_ones_for_every_count_and_place),
      cmocka_unit_test(numbers_are_rounded_to_bf16),
      cmocka_unit_test(rows_are_summed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
