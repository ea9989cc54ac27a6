/* Messages of a codec, one of them on its way while the next one of the same range is made, and
 * what they leave out, which comes with the next. */
#include "sync/turns/coded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state/state.h"

enum { RANGES = 2, SPACE = RANGES * DDLA_STATE_BLOCK, BYTES_MAX = 1 << 16 };

typedef struct coding {
  ddla_bridge_layout layout;
  ddla_codec_options options;
  ddla_coded *coded;
  float residual[SPACE], values[SPACE];
} coding;

static coding *begin(void) {
  coding *c = calloc(1, sizeof *c);
  const ddla_cluster cluster = {.hosts = 2, .first = {0, 1, 2}};
  assert_non_null(c);
  assert_int_equal(ddla_bridge_layout_make(&c->layout, &cluster, 2, 1, SPACE, SPACE / RANGES * 4),
                   DDLA_OK);
  assert_int_equal(c->layout.ranges, RANGES);
  c->options = (ddla_codec_options){.block = 256, .feedback = true, .decay = 1};
  const ddla_coded_options options = {.layout = &c->layout,
                                      .codec = ddla_codec_find("int8"),
                                      .options = &c->options,
                                      .residual = c->residual};
  assert_int_equal(ddla_coded_create(&c->coded, &options), DDLA_OK);
  return c;
}

static void leave(coding *c) {
  ddla_coded_destroy(c->coded);
  free(c);
}

/* Values of the i-th contribution; its message of a range. */
static size_t encode(const void **out, coding *c, int i, int range) {
  int64_t from = 0, count = 0;
  size_t bytes = 0;
  for (int k = 0; k < SPACE; k++) c->values[k] = (float)((k * 37 + i * 11) % 101) / 7 - 5;
  ddla_bridge_range(&c->layout, range, &from, &count);
  assert_int_equal(ddla_coded_encode(out, &bytes, c->coded, range, c->values + from, 1), DDLA_OK);
  assert_in_range(bytes, 1, BYTES_MAX);
  return bytes;
}

static void a_message_stays_while_the_next_one_is_made(void **state) {
  static char kept[3][RANGES][BYTES_MAX];
  const void *message[3][RANGES];
  size_t bytes[3][RANGES];
  coding *c = begin();
  (void)state;
  for (int i = 0; i < 3; i++) {
    for (int r = 0; r < RANGES; r++) {
      bytes[i][r] = encode(&message[i][r], c, i, r);
      memcpy(kept[i][r], message[i][r], bytes[i][r]);
    }
    for (int r = 0; i > 0 && r < RANGES; r++)
      assert_memory_equal(message[i - 1][r], kept[i - 1][r], bytes[i - 1][r]);
  }
  assert_ptr_equal(message[2][0], message[0][0]); /* two are enough */
  leave(c);
}

/* All that was contributed has come, but what is kept. */
static void what_is_left_out_comes_with_the_next(void **state) {
  static float sum[SPACE], come[SPACE], part[SPACE];
  coding *c = begin();
  (void)state;
  for (int i = 0; i < 5; i++)
    for (int r = 0; r < RANGES; r++) {
      const void *message = NULL;
      int64_t from = 0, count = 0;
      const size_t bytes = encode(&message, c, i, r);
      ddla_bridge_range(&c->layout, r, &from, &count);
      assert_int_equal(ddla_codec_decode_bytes(part, count, message, bytes), DDLA_OK);
      for (int64_t k = 0; k < count; k++) {
        sum[from + k] += c->values[from + k];
        come[from + k] += part[k];
      }
    }
  for (int k = 0; k < SPACE; k++) assert_float_equal(sum[k], come[k] + c->residual[k], 1e-4);
  leave(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_message_stays_while_the_next_one_is_made),
                                     cmocka_unit_test(what_is_left_out_comes_with_the_next)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
