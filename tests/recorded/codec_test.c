/* Messages that codec.py made after the format's page: they are what our codecs make, and decode to
 * what they did when they were recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "codec/codec.h"

enum { COUNT = 300, MESSAGE_BYTES = 4096, SCRATCH = 1 << 20 };

static const char *folder;

static void check(ddla_status status) {
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
}

/* numbers() of codec.py. */
static void fill(float x[COUNT], int step) {
  int64_t state = 12345 + step;
  for (int i = 0; i < COUNT; i++) {
    state = (state * 1103515245 + 12345) % (INT64_C(1) << 31);
    const int whole = (int)((state >> 8) % 2001 - 1000);
    x[i] = (float)whole / (float)(1 << (6 + i / 40));
    if (whole % 16 == 0) x[i] = i % 2 ? -0.0F : 0.0F;
  }
}

static char *read_recorded(size_t *bytes, const char *name, const char *what) {
  char path[1024], *data = NULL;
  snprintf(path, sizeof path, "%s/%s.%s", folder, name, what);
  check(ddla_file_read(&data, bytes, path, 1 << 20));
  return data;
}

/* One codec's two messages in a row. */
static void check_codec(const ddla_codec *codec) {
  static uint64_t scratch[SCRATCH / 8];
  static float x[COUNT], residual[COUNT], velocity[COUNT], decoded[COUNT];
  static uint8_t made[MESSAGE_BYTES];
  const ddla_codec_options options = {.topk = 0.07,
                                      .block = 64,
                                      .feedback = true,
                                      .decay = 0.5,
                                      .momentum = codec->momentum ? 0.75 : 0};
  const ddla_codec_source source = {.values = x,
                                    .count = COUNT,
                                    .options = &options,
                                    .residual = codec->lossless ? NULL : residual,
                                    .velocity = codec->momentum ? velocity : NULL,
                                    .scratch = scratch};
  size_t value_bytes = 0;
  char *values = read_recorded(&value_bytes, codec->name, "values");
  memset(residual, 0, sizeof residual);
  memset(velocity, 0, sizeof velocity);
  assert_int_equal(value_bytes, 2 * sizeof decoded);
  assert_true(ddla_codec_scratch(codec, COUNT, &options) <= sizeof scratch);
  assert_true(ddla_codec_bound(codec, COUNT, &options) <= sizeof made);
  for (int step = 1; step <= 2; step++) {
    size_t bytes = 0, made_bytes = 0;
    char *recorded = read_recorded(&bytes, codec->name, step == 1 ? "1" : "2");
    check(ddla_codec_decode_bytes(decoded, COUNT, (const uint8_t *)recorded, bytes));
    assert_memory_equal(decoded, values + (size_t)(step - 1) * sizeof decoded, sizeof decoded);
    fill(x, step);
    check(ddla_codec_encode(&made_bytes, made, codec, &source));
    assert_int_equal(made_bytes, bytes);
    assert_memory_equal(made, recorded, bytes);
    ddla_free(recorded);
  }
  ddla_free(values);
}

static void messages_are_the_recorded_ones(void **state) {
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  (void)state;
  for (int i = 0; i < count; i++) check_codec(table[i]);
}

int main(int count, char **words) {
  if (count != 2) return 2;
  folder = words[1];
  const struct CMUnitTest tests[] = {cmocka_unit_test(messages_are_the_recorded_ones)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
