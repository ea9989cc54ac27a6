/* The loops of every kind of processor that this machine can play against the plain ones, bit for
 * bit, and the plain ones against what they should be. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "codec/loops.h"

enum { MOST = 700, GUARD = 0xa5, ROOM = 4 * MOST + 64 };

static const ddla_codec_loops *plain(void) {
  const ddla_codec_loops *last = NULL;
  for (int i = 0; ddla_codec_loops_at(i); i++) last = ddla_codec_loops_at(i);
  return last;
}

/* Numbers of every size up to `exponent`, zeros of both signs, halves between whole numbers. */
static void fill(float *v, int64_t n, uint64_t seed, int exponent) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < n; i++) {
    const int kind = (int)ddla_rng_below(&rng, 6);
    const float x = ddla_rng_normal(&rng);
    if (kind == 0) v[i] = ddla_rng_below(&rng, 2) ? 0.0F : -0.0F;
    else if (kind == 1) v[i] = (float)((int)ddla_rng_below(&rng, 15) - 7) / 2;
    else if (kind == 2) v[i] = ldexpf(x, (int)ddla_rng_below(&rng, 150) - 149);
    else if (kind == 3) v[i] = ldexpf(x / 8, exponent);
    else v[i] = x;
  }
}

/* Everything that the loops make of n numbers, one after the other. */
typedef struct outcome {
  uint8_t bytes[8][ROOM];
  float numbers[14][MOST + 8];
  uint32_t index[MOST + DDLA_CODEC_PICKS_SLACK];
  float value[MOST + DDLA_CODEC_PICKS_SLACK];
  int64_t picks;
  int32_t largest[4];
  double sum;
} outcome;

static void run_pack(outcome *out, const ddla_codec_loops *l, const float *v, const float *small,
                     int64_t n) {
  const float scale = 3.1F / 127;
  l->pack8(out->bytes[0] + 1, small, n, scale);
  l->pack4(out->bytes[1] + 1, small, n, 3.1F / 7);
  l->pack1(out->bytes[2] + 1, v, n);
  l->pack_bf16(out->bytes[3] + 1, v, n);
  l->pack_fp16(out->bytes[4] + 1, v, n);
}

/* From what the plain loops packed, so that a wrong pack does not stand for a wrong put. */
static void run_put(outcome *out, const ddla_codec_loops *l, const outcome *packed, int64_t n) {
  const float factor = -0.7F;
  for (int k = 0; k < 2; k++) {
    const float *f = k ? &factor : NULL;
    l->put8(out->numbers[k] + 1, packed->bytes[0] + 1, n, f, 0.37F);
    l->put4(out->numbers[2 + k] + 1, packed->bytes[1] + 1, n, f, 0.37F);
    l->put1(out->numbers[4 + k] + 1, packed->bytes[2] + 1, n, f, 0.37F);
    l->put_bf16(out->numbers[6 + k] + 1, packed->bytes[3] + 1, n, f);
    l->put_fp16(out->numbers[8 + k] + 1, packed->bytes[4] + 1, n, f);
  }
}

static void run_mix(outcome *out, const ddla_codec_loops *l, const float *v, int64_t n) {
  const ddla_codec_options options = {.decay = 0.95, .momentum = 0.9};
  ddla_codec_source source = {.values = v, .count = n, .options = &options};
  out->largest[0] = l->largest(v, n);
  out->largest[1] = l->largest_mixed(&source, 0, n);
  source.residual = out->numbers[10];
  out->largest[2] = l->largest_mixed(&source, 0, n);
  l->mix(&source, n / 3, n - n / 3);
  source.residual = out->numbers[11];
  source.velocity = out->numbers[12];
  out->largest[3] = l->largest_mixed(&source, 0, n);
  l->mix(&source, n / 3, n - n / 3);
  out->sum = l->sum(v, n);
  ddla_codec_picks picks = {.index = out->index, .value = out->value};
  l->collect(&picks, v, 1000, n, ddla_codec_magnitude(1.0F));
  out->picks = picks.count;
}

static void prepare(outcome *out) {
  memset(out, GUARD, sizeof *out);
  for (int i = 0; i < 14; i++) fill(out->numbers[i], MOST + 8, 90 + (uint64_t)i, 8);
}

static void compare(const outcome *a, const outcome *b, int64_t n) {
  assert_memory_equal(a->bytes, b->bytes, sizeof a->bytes);
  assert_memory_equal(a->numbers, b->numbers, sizeof a->numbers);
  assert_memory_equal(a->largest, b->largest, sizeof a->largest);
  assert_memory_equal(&a->sum, &b->sum, sizeof a->sum);
  assert_int_equal(a->picks, b->picks);
  assert_true(a->picks <= n);
  assert_memory_equal(a->index, b->index, (size_t)a->picks * sizeof *a->index);
  assert_memory_equal(a->value, b->value, (size_t)a->picks * sizeof *a->value);
}

static void every_processor_gives_the_same_bits(void **state) {
  static outcome wanted, got;
  static float v[MOST], small[MOST];
  (void)state;
  for (int64_t n = 0; n <= MOST; n += n < 70 ? 1 : 63) {
    fill(v, n, (uint64_t)n, 100);
    for (int64_t i = 0; i < n; i++) small[i] = fminf(fmaxf(v[i], -3.1F), 3.1F);
    prepare(&wanted);
    run_pack(&wanted, plain(), v, small, n);
    run_put(&wanted, plain(), &wanted, n);
    run_mix(&wanted, plain(), v, n);
    for (int i = 0; ddla_codec_loops_at(i); i++) {
      const ddla_codec_loops *l = ddla_codec_loops_at(i);
      if (!l->present()) continue;
      prepare(&got);
      run_pack(&got, l, v, small, n);
      run_put(&got, l, &wanted, n);
      run_mix(&got, l, v, n);
      compare(&wanted, &got, n);
    }
  }
}

static void whole_numbers_are_the_nearest(void **state) {
  enum { COUNT = 127 * 8 + 1 };
  static float v[COUNT];
  static uint8_t eight[COUNT], four[COUNT];
  (void)state;
  for (int i = 0; i < COUNT; i++) v[i] = (float)(i - COUNT / 2) / 4 * 0.75F; /* exact quarters */
  plain()->pack8(eight, v, COUNT, 0.75F);
  for (int i = 0; i < COUNT; i++)
    assert_int_equal((int8_t)eight[i], lrintf((float)(i - COUNT / 2) / 4));
  for (int i = 0; i < COUNT; i++) v[i] = (float)(i % 57 - 28) / 4 * 0.75F;
  plain()->pack4(four, v, COUNT, 0.75F);
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(four[i / 2] >> 4 * (i % 2) & 15, lrintf((float)(i % 57 - 28) / 4) & 15);
  assert_int_equal(four[COUNT / 2] >> 4, 0);
}

/* Value of a half by its definition. */
static double half_value(uint32_t h) {
  const int exponent = (int)(h >> 10 & 31U), part = (int)(h & 1023U);
  const double x = exponent ? ldexp(1024 + part, exponent - 25) : ldexp(part, -24);
  return h & 0x8000U ? -x : x;
}

static uint32_t half_of(float x) {
  uint8_t bytes[2];
  plain()->pack_fp16(bytes, &x, 1);
  return bytes[0] | (uint32_t)bytes[1] << 8;
}

static void halves_are_the_nearest(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 0x7c00; h++) {
    const uint8_t bytes[2] = {(uint8_t)h, (uint8_t)(h >> 8)};
    float x = 0;
    plain()->put_fp16(&x, bytes, 1, NULL);
    assert_true((double)x == half_value(h));
    assert_int_equal(half_of(x), h);
    assert_int_equal(half_of(-x), h | 0x8000U);
    if (h == 0x7bff) continue;
    const float middle = (float)((half_value(h) + half_value(h + 1)) / 2); /* exact */
    assert_int_equal(half_of(middle), h + h % 2);
    assert_int_equal(half_of(nextafterf(middle, 0)), h);
    assert_int_equal(half_of(nextafterf(middle, 1e9F)), h + 1);
  }
  assert_int_equal(half_of(65504.0F), 0x7bff);
  assert_int_equal(half_of(65520.0F), 0x7bff);
  assert_int_equal(half_of(-1e38F), 0xfbff);
}

static void bf16_is_the_nearest(void **state) {
  (void)state;
  for (uint32_t h = 0; h < DDLA_CODEC_LIMIT >> 16; h++) {
    const float low = ddla_codec_float(h << 16), middle = ddla_codec_float(h << 16 | 0x8000U);
    const float v[4] = {low, nextafterf(middle, 0), middle, nextafterf(middle, INFINITY)};
    const uint32_t wanted[4] = {h, h, h + h % 2, h + 1};
    uint8_t bytes[8];
    plain()->pack_bf16(bytes, v, 4);
    for (int i = 0; i < 4; i++)
      assert_int_equal(bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8, wanted[i]);
  }
}

static void the_best_can_run(void **state) {
  (void)state;
  assert_true(ddla_codec_loops_best()->present());
  assert_true(plain()->present());
  assert_string_equal(plain()->name, "plain");
  assert_null(ddla_codec_loops_at(-1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_processor_gives_the_same_bits),
      cmocka_unit_test(whole_numbers_are_the_nearest),
      cmocka_unit_test(halves_are_the_nearest),
      cmocka_unit_test(bf16_is_the_nearest),
      cmocka_unit_test(the_best_can_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
