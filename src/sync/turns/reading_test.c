/* The parameters that a host computes with: versions range by range, turns, what is gathered. */
#include "sync/turns/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state/state.h"

enum { RANGES = 4, SPACE = RANGES * DDLA_STATE_BLOCK, START = 10 };

/* Host 1 of two has ranges 1 and 3; range r is block RANGES - 1 - r. */
typedef struct desk {
  ddla_bridge_layout layout;
  float copy[2][SPACE], own[2][SPACE], gathered[SPACE];
  ddla_reading *reading;
} desk;

static float value_of(int range, int64_t version) { return (float)(100 * range) + (float)version; }

static int64_t begin_of(const desk *d, int range) {
  int64_t begin = 0, count = 0;
  ddla_bridge_range(&d->layout, range, &begin, &count);
  assert_int_equal(count, DDLA_STATE_BLOCK);
  return begin;
}

static void write(const desk *d, float *space, int range, int64_t version) {
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++)
    space[begin_of(d, range) + k] = value_of(range, version) + (float)k / 8192;
}

static bool is(const desk *d, const float *space, int range, int64_t version) {
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++)
    if (space[begin_of(d, range) + k] != value_of(range, version) + (float)k / 8192) return false;
  return true;
}

static desk *sit_down(void) {
  const ddla_cluster cluster = {.hosts = 2, .host = 1, .first = {0, 1, 2}};
  desk *d = calloc(1, sizeof *d);
  assert_non_null(d);
  assert_int_equal(ddla_bridge_layout_make(&d->layout, &cluster, 2, 1, SPACE,
                                           DDLA_STATE_BLOCK * (int64_t)sizeof(float)),
                   DDLA_OK);
  assert_int_equal(d->layout.ranges, RANGES);
  for (int r = 0; r < RANGES; r++) write(d, d->copy[0], r, START);
  const ddla_reading_options options = {
      .layout = &d->layout, .copy = {d->copy[0], d->copy[1]}, .version = START};
  assert_int_equal(ddla_reading_create(&d->reading, &options), DDLA_OK);
  return d;
}

static void get_up(desk *d) {
  ddla_reading_destroy(d->reading);
  free(d);
}

static ddla_letter news(int range, int64_t version) {
  return (ddla_letter){.kind = DDLA_LETTER_NEWS,
                       .range = range,
                       .version = version,
                       .bytes = DDLA_STATE_BLOCK * sizeof(float)};
}

static float *place(desk *d, int range, int64_t version) {
  const ddla_letter letter = news(range, version);
  void *data = NULL;
  assert_int_equal(ddla_reading_place(&data, d->reading, &letter), DDLA_OK);
  return data;
}

static void deliver(desk *d, int range, int64_t version, float *data) {
  const ddla_letter letter = news(range, version);
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++)
    data[k] = value_of(range, version) + (float)k / 8192;
  ddla_reading_deliver(d->reading, &letter, data);
}

static void come(desk *d, int range, int64_t version) {
  deliver(d, range, version, place(d, range, version));
}

static void own(desk *d, int range, int64_t version) {
  float *space = d->own[version % 2];
  write(d, space, range, version);
  ddla_reading_own(d->reading, range, version, space + begin_of(d, range));
}

static void versions_come_range_by_range(void **state) {
  (void)state;
  desk *d = sit_down();
  assert_int_equal(ddla_reading_version(d->reading), START);
  come(d, 0, 11);
  own(d, 1, 13);
  come(d, 2, 12);
  assert_int_equal(ddla_reading_version(d->reading), START); /* of the third own one */
  own(d, 3, 11);
  assert_int_equal(ddla_reading_version(d->reading), 11);
  assert_int_equal(ddla_reading_newest(d->reading, 1), 13);
  assert_int_equal(ddla_reading_newest(d->reading, 2), 12);
  for (int r = 0; r < RANGES; r++) { /* workers still read what they had */
    assert_int_equal(ddla_reading_of(d->reading, r), START);
    assert_true(is(d, d->copy[0], r, START));
  }
  get_up(d);
}

static void a_turn_brings_all_that_is_known(void **state) {
  (void)state;
  desk *d = sit_down();
  come(d, 0, 11);
  own(d, 1, 12);
  assert_int_equal(ddla_reading_turn(d->reading), 1);
  const int64_t wanted[RANGES] = {11, 12, START, START};
  for (int r = 0; r < RANGES; r++) {
    assert_int_equal(ddla_reading_of(d->reading, r), wanted[r]);
    assert_true(is(d, d->copy[1], r, wanted[r]));
  }
  come(d, 0, 12);
  come(d, 2, 14);
  for (int r = 0; r < RANGES; r++) assert_true(is(d, d->copy[1], r, wanted[r]));
  assert_int_equal(ddla_reading_turn(d->reading), 0);
  const int64_t later[RANGES] = {12, 12, 14, START};
  for (int r = 0; r < RANGES; r++) {
    assert_int_equal(ddla_reading_of(d->reading, r), later[r]);
    assert_true(is(d, d->copy[0], r, later[r]));
    assert_true(is(d, d->copy[1], r, wanted[r])); /* untouched until it is open and known */
  }
  get_up(d);
}

/* What is made of the parameters need not be made again. */
static void without_news_the_copy_stays(void **state) {
  (void)state;
  desk *d = sit_down();
  assert_int_equal(ddla_reading_turn(d->reading), 0);
  come(d, 2, 11);
  assert_int_equal(ddla_reading_turn(d->reading), 1);
  assert_int_equal(ddla_reading_turn(d->reading), 1);
  bool moved = true;
  while (moved) moved = false, ddla_reading_advance(d->reading, &moved);
  assert_int_equal(ddla_reading_turn(d->reading), 1); /* the open one has no more than this */
  assert_int_equal(ddla_reading_of(d->reading, 2), 11);
  own(d, 1, 11);
  assert_int_equal(ddla_reading_turn(d->reading), 0);
  assert_true(is(d, d->copy[0], 1, 11) && is(d, d->copy[0], 2, 11));
  get_up(d);
}

/* The open copy comes nearer one range at a time. */
static void the_open_copy_comes_nearer(void **state) {
  (void)state;
  desk *d = sit_down();
  come(d, 0, 11);
  come(d, 2, 11);
  for (int i = 0; i < 2; i++) {
    bool moved = false;
    ddla_reading_advance(d->reading, &moved);
    assert_true(moved);
    assert_true(is(d, d->copy[1], 0, 11));
    assert_int_equal(is(d, d->copy[1], 2, 11), i == 1);
  }
  bool moved = false;
  ddla_reading_advance(d->reading, &moved);
  assert_false(moved);
  assert_true(is(d, d->copy[0], 0, START));
  get_up(d);
}

/* While one is coming the newest stays; an older one that comes late changes nothing. */
static void versions_may_overtake_each_other(void **state) {
  (void)state;
  desk *d = sit_down();
  come(d, 0, 11);
  float *older = place(d, 0, 12), *newer = place(d, 0, 13);
  deliver(d, 0, 13, newer);
  deliver(d, 0, 12, older);
  assert_int_equal(ddla_reading_newest(d->reading, 0), 13);
  (void)ddla_reading_turn(d->reading);
  assert_true(is(d, d->copy[1], 0, 13));
  for (int64_t v = 14; v < 40; v++) {
    float *coming = place(d, 0, v);
    memset(coming, 0, DDLA_STATE_BLOCK * sizeof *coming); /* not the newest's memory */
    const int closed = ddla_reading_turn(d->reading);
    assert_true(is(d, d->copy[closed], 0, v - 1));
    deliver(d, 0, v, coming);
  }
  get_up(d);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  desk *d = sit_down();
  void *data = NULL;
  ddla_letter wrong[] = {news(-1, 11), news(RANGES, 11), news(0, 11)};
  wrong[2].bytes -= 4;
  for (int i = 0; i < 3; i++)
    assert_int_equal(ddla_reading_place(&data, d->reading, &wrong[i]), DDLA_CORRUPT);
  get_up(d);
}

/* Others' ranges, even where nothing new has come; own ones are elsewhere. */
static void all_others_are_gathered(void **state) {
  (void)state;
  desk *d = sit_down();
  own(d, 1, 12);
  own(d, 3, 12);
  come(d, 2, 12);
  ddla_reading_gather(d->reading, d->gathered);
  assert_true(is(d, d->gathered, 0, START));
  assert_true(is(d, d->gathered, 2, 12));
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) {
    assert_true(d->gathered[begin_of(d, 1) + k] == 0);
    assert_true(d->gathered[begin_of(d, 3) + k] == 0);
  }
  get_up(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(versions_come_range_by_range),
                                     cmocka_unit_test(a_turn_brings_all_that_is_known),
                                     cmocka_unit_test(without_news_the_copy_stays),
                                     cmocka_unit_test(the_open_copy_comes_nearer),
                                     cmocka_unit_test(versions_may_overtake_each_other),
                                     cmocka_unit_test(what_does_not_fit_is_refused),
                                     cmocka_unit_test(all_others_are_gathered)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
