#include "sync/turns/dealing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sync/cluster.h"

enum { RANGES = 16 };

static void in_turn(int16_t *owner, int ranges, int hosts) {
  for (int r = 0; r < ranges; r++) owner[r] = (int16_t)(r % hosts);
}

static int count_of(const int16_t *owner, int ranges, int host) {
  int count = 0;
  for (int r = 0; r < ranges; r++) count += owner[r] == host;
  return count;
}

static void hosts_of_like_speed_keep_what_they_have(void **state) {
  int16_t owner[RANGES], before[RANGES];
  (void)state;
  in_turn(owner, RANGES, 4);
  memcpy(before, owner, sizeof owner);
  assert_false(ddla_dealing_change(owner, RANGES, (int64_t[]){100, 110, 95, 80}, 4));
  assert_false(
      ddla_dealing_change(owner, RANGES, (int64_t[]){0, 0, 0, 0}, 4)); /* nothing is known */
  assert_memory_equal(before, owner, sizeof owner);
}

static void a_slow_host_serves_less(void **state) {
  int16_t owner[RANGES], before[RANGES];
  int moved = 0;
  (void)state;
  in_turn(owner, RANGES, 4);
  memcpy(before, owner, sizeof owner);
  assert_true(ddla_dealing_change(owner, RANGES, (int64_t[]){100, 100, 100, 50}, 4));
  assert_int_equal(count_of(owner, RANGES, 0), 5);
  assert_int_equal(count_of(owner, RANGES, 1), 5);
  assert_int_equal(count_of(owner, RANGES, 2), 4);
  assert_int_equal(count_of(owner, RANGES, 3), 2);
  for (int r = 0; r < RANGES; r++) moved += owner[r] != before[r];
  assert_int_equal(moved, 2); /* no more than it must be */
  assert_false(ddla_dealing_change(owner, RANGES, (int64_t[]){100, 100, 100, 50}, 4));
  assert_true(
      ddla_dealing_change(owner, RANGES, (int64_t[]){100, 100, 100, 100}, 4)); /* fast again */
  assert_int_equal(count_of(owner, RANGES, 3), 4);
}

/* Also its last range goes, which is no more than one too many. */
static void who_is_too_slow_serves_none(void **state) {
  int16_t owner[RANGES] = {0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
  (void)state;
  assert_true(ddla_dealing_change(owner, RANGES, (int64_t[]){100, 100, 100, 25}, 4));
  assert_int_equal(count_of(owner, RANGES, 0), 6);
  assert_int_equal(count_of(owner, RANGES, 3), 0);
  assert_false(ddla_dealing_change(owner, RANGES, (int64_t[]){100, 100, 100, 25}, 4));
  assert_true(ddla_dealing_change(owner, RANGES, (int64_t[]){100, 100, 100, 80}, 4));
  assert_int_equal(count_of(owner, RANGES, 3), 4);
}

static void the_first_host_keeps_one(void **state) {
  int16_t owner[RANGES];
  (void)state;
  in_turn(owner, RANGES, 2);
  assert_true(ddla_dealing_change(owner, RANGES, (int64_t[]){0, 7}, 2));
  assert_int_equal(count_of(owner, RANGES, 0), 1);
  assert_int_equal(count_of(owner, RANGES, 1), RANGES - 1);
}

static void every_range_has_one_owner_near_its_part(void **state) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(1, DDLA_PURPOSE_TEST, 71, 0));
  (void)state;
  for (int i = 0; i < 2000; i++) {
    const int hosts = 1 + (int)ddla_rng_below(&rng, DDLA_HOSTS_MAX);
    const int ranges = 1 + (int)ddla_rng_below(&rng, 256);
    int16_t owner[256];
    int64_t done[DDLA_HOSTS_MAX], total = 0;
    in_turn(owner, ranges, hosts);
    for (int h = 0; h < hosts; h++) total += done[h] = (int64_t)ddla_rng_below(&rng, 1000);
    const bool changed = ddla_dealing_change(owner, ranges, done, hosts);
    for (int r = 0; r < ranges; r++) assert_in_range(owner[r], 0, hosts - 1);
    int64_t serving = 0;
    for (int h = 0; h < hosts; h++) serving += 2 * done[h] * hosts < total ? 0 : done[h];
    for (int h = 0; h < hosts; h++) {
      const bool slow = 2 * done[h] * hosts < total;
      const double wanted = serving > 0 && !slow ? (double)done[h] * ranges / (double)serving : 0;
      if (changed && slow && h > 0) assert_int_equal(count_of(owner, ranges, h), 0);
      const double off = count_of(owner, ranges, h) - wanted;
      if (changed) assert_true(off > -2 && off < 2);
    }
    assert_false(changed && ddla_dealing_change(owner, ranges, done, hosts));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(hosts_of_like_speed_keep_what_they_have),
                                     cmocka_unit_test(a_slow_host_serves_less),
                                     cmocka_unit_test(who_is_too_slow_serves_none),
                                     cmocka_unit_test(the_first_host_keeps_one),
                                     cmocka_unit_test(every_range_has_one_owner_near_its_part)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
