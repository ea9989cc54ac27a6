/* Places written as gaps come back, in no more bytes than promised; damage is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "codec/gaps.h"

enum { PLACES = 3000, BYTES = 20000 };

static uint32_t place[PLACES];
static uint8_t bytes[BYTES];

static size_t write(int64_t count, int64_t places) {
  memset(bytes, 0xa5, sizeof bytes);
  const size_t written = ddla_gaps_write(bytes, place, places, ddla_gaps_width(count, places));
  assert_true(written <= ddla_gaps_bound(count, places));
  assert_int_equal(bytes[written], 0xa5);
  return written;
}

static void come_back(int64_t count, int64_t places) {
  const int width = ddla_gaps_width(count, places);
  const size_t written = write(count, places);
  ddla_gaps gaps = ddla_gaps_open(bytes, written, width);
  int64_t got = 0;
  for (int64_t i = 0; i < places; i++) {
    assert_true(ddla_gaps_next(&got, &gaps, count));
    assert_int_equal(got, place[i]);
  }
  assert_true(ddla_gaps_are_over(&gaps));
  for (size_t cut = 0; cut < written; cut++) { /* cut off: some place, or the end, is missed */
    gaps = ddla_gaps_open(bytes, cut, width);
    int64_t i = 0;
    while (i < places && ddla_gaps_next(&got, &gaps, count)) i++;
    assert_true(i < places);
    if (written > 400) cut += 97;
  }
}

static void places_at_random_come_back(void **state) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(5, DDLA_PURPOSE_TEST, 0, 0));
  (void)state;
  for (int64_t mean = 1; mean < 600000; mean *= 3) {
    int64_t next = 0, places = 0;
    for (; places < PLACES && next < INT32_MAX - 2 * mean; places++) {
      next += (int64_t)ddla_rng_below(&rng, (uint64_t)(2 * mean - 1));
      place[places] = (uint32_t)next++;
    }
    come_back(next, places);
    come_back(next + mean, places);
  }
}

static void places_at_the_ends_come_back(void **state) {
  (void)state;
  come_back(0, 0);
  for (int64_t i = 0; i < PLACES; i++) place[i] = (uint32_t)i;
  come_back(PLACES, PLACES);
  come_back(1, 1);
  come_back(PLACES * 100, PLACES); /* all in front */
  for (int64_t i = 0; i < PLACES; i++) place[i] = (uint32_t)(PLACES * 99 + i);
  come_back(PLACES * 100, PLACES); /* all at the end: a long unary part */
  place[0] = INT32_MAX - 1;
  come_back(INT32_MAX, 1);
}

static void widths_are_those_of_the_format(void **state) {
  static const int64_t wanted[][3] = {{0, 0, 0},    {1, 1, 0},    {100, 1, 6},        {100, 10, 2},
                                      {300, 21, 3}, {1000, 7, 6}, {INT32_MAX, 1, 30}, {10, 7, 0}};
  (void)state;
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    assert_int_equal(ddla_gaps_width(wanted[i][0], wanted[i][1]), wanted[i][2]);
}

static void one_in_a_hundred_takes_about_eight_bits(void **state) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(6, DDLA_PURPOSE_TEST, 0, 0));
  int64_t places = 0, at = 0;
  (void)state;
  for (; places < PLACES; at++)
    if (ddla_rng_below(&rng, 100) == 0) place[places++] = (uint32_t)at;
  const double bits = 8.0 * (double)write(at, places) / PLACES;
  assert_true(bits > 8.0 && bits < 8.3); /* the entropy is 8.08 */
}

static void what_is_not_below_count_is_refused(void **state) {
  int64_t got = -1;
  (void)state;
  place[0] = 3;
  place[1] = 9;
  const size_t written = ddla_gaps_write(bytes, place, 2, 1);
  ddla_gaps gaps = ddla_gaps_open(bytes, written, 1);
  assert_true(ddla_gaps_next(&got, &gaps, 9));
  assert_false(ddla_gaps_next(&got, &gaps, 9));
  assert_int_equal(got, 3);
  memset(bytes, 0xff, 100); /* ones without an end */
  gaps = ddla_gaps_open(bytes, 100, 31);
  assert_false(ddla_gaps_next(&got, &gaps, INT32_MAX));
  bytes[99] = 0; /* 792 ones: far above what there can be, with 31 lower bits */
  gaps = ddla_gaps_open(bytes, 104, 31);
  assert_false(ddla_gaps_next(&got, &gaps, INT32_MAX));
}

static void what_follows_the_last_place_is_noticed(void **state) {
  int64_t got = 0;
  (void)state;
  place[0] = 2;
  const size_t written = ddla_gaps_write(bytes, place, 1, 0); /* two ones and a zero */
  assert_int_equal(written, 1);
  assert_int_equal(bytes[0], 3);
  bytes[0] |= 0x80;
  ddla_gaps gaps = ddla_gaps_open(bytes, 1, 0);
  assert_true(ddla_gaps_next(&got, &gaps, 3));
  assert_false(ddla_gaps_are_over(&gaps));
  bytes[0] = 3;
  bytes[1] = 0;
  gaps = ddla_gaps_open(bytes, 2, 0);
  assert_true(ddla_gaps_next(&got, &gaps, 3));
  assert_false(ddla_gaps_are_over(&gaps));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(places_at_random_come_back),
      cmocka_unit_test(places_at_the_ends_come_back),
      cmocka_unit_test(widths_are_those_of_the_format),
      cmocka_unit_test(one_in_a_hundred_takes_about_eight_bits),
      cmocka_unit_test(what_is_not_below_count_is_refused),
      cmocka_unit_test(what_follows_the_last_place_is_noticed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
