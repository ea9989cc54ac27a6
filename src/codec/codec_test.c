/* The table, options, states, and what is refused; scales. What holds for every codec is in
 * tests/conformance/codec_test.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "codec/codec.h"
#include "codec/loops.h"
#include "codec/scale.h"

static void names_are_found(void **state) {
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  (void)state;
  assert_int_equal(count, 8);
  for (int i = 0; i < count; i++) {
    assert_ptr_equal(ddla_codec_find(table[i]->name), table[i]);
    assert_in_range(strlen(table[i]->name), 1, 8);
  }
  assert_null(ddla_codec_find("int16"));
  assert_null(ddla_codec_find(""));
}

static void refuses(const char *codec, ddla_codec_options options, const char *words) {
  assert_int_equal(ddla_codec_check(ddla_codec_find(codec), &options), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), words));
}

static void options_are_checked(void **state) {
  const ddla_codec_options good = ddla_codec_defaults();
  (void)state;
  for (int i = 0, count = 0; i == 0 || i < count; i++)
    assert_int_equal(ddla_codec_check(ddla_codec_table(&count)[i], &good), DDLA_OK);
  ddla_codec_options o = good;
  o.topk = 0, refuses("topk", o, "topk is 0");
  o.topk = 1.5, refuses("topk", o, "topk is 1.5");
  o.topk = (double)NAN, refuses("topk", o, "topk is");
  o = good, o.block = 96, refuses("int8", o, "block is 96");
  o.block = 0, refuses("int8", o, "block is 0");
  o.block = 65600, refuses("int8", o, "block is 65600");
  o = good, o.decay = 0, refuses("int8", o, "decay is 0");
  o.decay = 1.01, refuses("int8", o, "decay is 1.01");
  o = good, o.momentum = 1, refuses("topk", o, "momentum is 1");
  o.momentum = 0.9, refuses("int8", o, "the codec int8 has none");
  o.feedback = false, refuses("topk", o, "needs feedback");
  o.feedback = true, assert_int_equal(ddla_codec_check(ddla_codec_find("topk"), &o), DDLA_OK);
}

static void codecs_say_what_they_keep(void **state) {
  ddla_codec_options o = ddla_codec_defaults();
  const ddla_codec *topk = ddla_codec_find("topk"), *none = ddla_codec_find("none");
  (void)state;
  assert_true(ddla_codec_keeps(topk, &o, DDLA_CODEC_RESIDUAL));
  assert_false(ddla_codec_keeps(topk, &o, DDLA_CODEC_VELOCITY));
  assert_false(ddla_codec_keeps(none, &o, DDLA_CODEC_RESIDUAL));
  o.momentum = 0.9;
  assert_true(ddla_codec_keeps(topk, &o, DDLA_CODEC_VELOCITY));
  o.feedback = false;
  assert_false(ddla_codec_keeps(topk, &o, DDLA_CODEC_RESIDUAL));
  assert_string_equal(ddla_codec_state_name(DDLA_CODEC_RESIDUAL), "residual");
  assert_string_equal(ddla_codec_state_name(DDLA_CODEC_VELOCITY), "velocity");
}

enum { COUNT = 9000, SCRATCH = 1 << 20 };

static float values[COUNT], residual[COUNT], velocity[COUNT], before[COUNT];
static uint8_t message[8 * COUNT];
static uint64_t scratch[SCRATCH / 8];

static void refuses_number(const ddla_codec *codec, bool keeps, int64_t at, const char *words) {
  const ddla_codec_options options = ddla_codec_defaults();
  const ddla_codec_source source = {.values = values,
                                    .count = COUNT,
                                    .options = &options,
                                    .residual = keeps ? residual : NULL,
                                    .velocity = keeps && codec->momentum ? velocity : NULL,
                                    .scratch = scratch};
  size_t bytes = 77;
  assert_true(ddla_codec_scratch(codec, COUNT, &options) <= sizeof scratch);
  for (int i = 0; i < COUNT; i++) before[i] = residual[i];
  assert_int_equal(ddla_codec_encode(&bytes, message, codec, &source), DDLA_INVALID);
  assert_int_equal(bytes, 77);
  assert_memory_equal(before, residual, sizeof before);
  char wanted[64];
  snprintf(wanted, sizeof wanted, "number %d of %d is %s", (int)at, COUNT, words);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), wanted));
}

static void broken_numbers_are_refused_by_place(void **state) {
  static const struct {
    float x;
    const char *words;
  } bad[] = {{INFINITY, "inf"}, {-INFINITY, "-inf"}, {NAN, "nan"}, {0x1p127F, "1.7"}};
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  (void)state;
  for (int c = 0; c < count; c++)
    for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++)
      for (int at = 0; at < COUNT; at += 4499) {
        for (int i = 0; i < COUNT; i++) values[i] = 1;
        values[at] = bad[b].x;
        values[COUNT - 1] = bad[b].x;
        refuses_number(table[c], false, at, bad[b].words);
        if (!table[c]->lossless) refuses_number(table[c], true, at, bad[b].words);
      }
}

static void sums_with_the_state_are_looked_at_too(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) values[i] = 1;
  values[5000] = residual[5000] = 1e38F; /* 2^127 is 1.7e38 */
  refuses_number(ddla_codec_find("int8"), true, 5000, "2e+38 with what was left out before");
  residual[5000] = 0;
  values[7000] = -1e38F;
  velocity[7000] = -1e38F;
  residual[7000] = -1e38F;
  refuses_number(ddla_codec_find("topk"), true, 7000, "-2e+38 with");
  values[7000] = velocity[7000] = residual[7000] = 0;
}

static void scales_are_the_least_that_suffice(void **state) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(3, DDLA_PURPOSE_TEST, 0, 0));
  (void)state;
  for (int i = 0; i < 200000; i++) {
    const int levels = i % 2 ? 127 : 7;
    const float x = ddla_codec_float((uint32_t)ddla_rng_below(&rng, DDLA_CODEC_LIMIT));
    const uint16_t s = ddla_scale_up(x, levels);
    assert_true((double)ddla_scale_value(s) * levels >= (double)x);
    if (s > 0x0080) assert_true((double)ddla_scale_value((uint16_t)(s - 1)) * levels < (double)x);
    assert_true(ddla_scale_is_right(s, levels));
  }
  assert_int_equal(ddla_scale_up(0, 127), 0);
  assert_int_equal(ddla_scale_up(1e-45F, 127), 0x0080);
  assert_false(ddla_scale_is_right(0x8000, 1));
  assert_false(ddla_scale_is_right(0x7f80, 1));
  assert_false(ddla_scale_is_right(0x7f00, 127));
}

static void levels_are_the_nearest(void **state) {
  (void)state;
  for (uint32_t h = 0; h < DDLA_CODEC_LIMIT >> 16; h++) {
    const double low = (double)ddla_scale_value((uint16_t)h);
    const double high = (double)ddla_scale_value((uint16_t)(h + 1)), middle = (low + high) / 2;
    assert_int_equal(ddla_scale_near(low), h);
    assert_int_equal(ddla_scale_near(middle), h + h % 2);
    /* Nearer to the middle than floats can be. */
    assert_int_equal(ddla_scale_near(middle * (1 - 1e-13)), h);
    assert_int_equal(ddla_scale_near(middle * (1 + 1e-13)), h + 1);
  }
}

/* By hand: block 64, one number of 254 and one of -3, else zeros. s = 254 / 127 = 2. */
static void a_message_by_hand(void **state) {
  enum { HAND = 66 };
  const ddla_codec_options options = {.block = 64, .feedback = true, .decay = 1, .topk = 0.01};
  float x[HAND] = {[0] = 254, [1] = -3, [65] = 1}, kept[HAND] = {0};
  const ddla_codec_source source = {
      .values = x, .count = HAND, .options = &options, .residual = kept};
  static const uint8_t start[8] = {'d', 'd', 'l', 'u', 1};
  static const uint8_t rest[24] = {'i', 'n', 't', '8', [8] = HAND, [16] = 64};
  size_t bytes = 0;
  (void)state;
  assert_int_equal(ddla_codec_encode(&bytes, message, ddla_codec_find("int8"), &source), DDLA_OK);
  assert_int_equal(bytes, DDLA_CODEC_HEAD_BYTES + 4 + HAND);
  assert_memory_equal(message, start, sizeof start);
  assert_memory_equal(message + 16, rest, sizeof rest);
  const uint8_t *body = message + DDLA_CODEC_HEAD_BYTES;
  assert_int_equal(body[0] | body[1] << 8, 0x4000); /* 2 */
  assert_int_equal(body[2] | body[3] << 8, 0x3c02); /* 130 / 2^14, next above 1 / 127 */
  assert_int_equal((int8_t)body[4], 127);
  assert_int_equal((int8_t)body[5], -2); /* -1.5, to the even one */
  assert_int_equal((int8_t)body[4 + 65], 126);
  assert_true(kept[0] == 0 && kept[1] == 1 && kept[65] == 1 - 126 * 130 / 16384.0F);
}

static void another_count_is_refused(void **state) {
  const ddla_codec_options options = ddla_codec_defaults();
  const ddla_codec_source source = {.values = values, .count = 100, .options = &options};
  size_t bytes = 0;
  float to[101] = {[100] = 5};
  (void)state;
  assert_int_equal(ddla_codec_encode(&bytes, message, ddla_codec_find("none"), &source), DDLA_OK);
  assert_int_equal(ddla_codec_decode_bytes(to, 101, message, bytes), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "100 numbers instead of 101"));
  assert_true(to[100] == 5);
  assert_int_equal(ddla_codec_decode_bytes(to, 100, message, bytes), DDLA_OK);
}

/* DGC by hand: momentum correction, and masking of what was sent. */
static void momentum_is_corrected(void **state) {
  const ddla_codec_options options = {
      .topk = 0.25, .block = 64, .feedback = true, .decay = 1, .momentum = 0.5};
  float x[4] = {1, 2, -8, 4}, r[4] = {0}, u[4] = {0}, y[4] = {0};
  const ddla_codec_source source = {.values = x,
                                    .count = 4,
                                    .options = &options,
                                    .residual = r,
                                    .velocity = u,
                                    .scratch = scratch};
  size_t bytes = 0;
  (void)state;
  for (int step = 0; step < 2; step++) {
    assert_int_equal(ddla_codec_encode(&bytes, message, ddla_codec_find("topk"), &source), DDLA_OK);
    assert_int_equal(ddla_codec_decode_bytes(y, 4, message, bytes), DDLA_OK);
    if (step == 0) assert_memory_equal(y, ((float[4]){0, 0, -8, 0}), sizeof y);
  }
  /* u = .5 (1, 2, 0, 4) + x = (1.5, 3, -8, 6); v = (1, 2, 0, 4) + u = (2.5, 5, -8, 10) */
  assert_memory_equal(y, ((float[4]){0, 0, 0, 10}), sizeof y);
  assert_memory_equal(r, ((float[4]){2.5F, 5, -8, 0}), sizeof r);
  assert_memory_equal(u, ((float[4]){1.5F, 3, -8, 0}), sizeof u);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_found),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(codecs_say_what_they_keep),
      cmocka_unit_test(broken_numbers_are_refused_by_place),
      cmocka_unit_test(sums_with_the_state_are_looked_at_too),
      cmocka_unit_test(scales_are_the_least_that_suffice),
      cmocka_unit_test(levels_are_the_nearest),
      cmocka_unit_test(a_message_by_hand),
      cmocka_unit_test(another_count_is_refused),
      cmocka_unit_test(momentum_is_corrected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
