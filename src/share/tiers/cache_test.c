#include "share/tiers/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka asks for these before it */
#include <cmocka.h>

#include "share/tiers/foresight.h"

static int64_t next_of(void *argument, int64_t block) { return ((const int64_t *)argument)[block]; }

static void memory_keeps_what_is_needed_soonest(void **state) {
  (void)state;
  int64_t next[] = {50, 10, 30, 20, 60}, place = 0;
  ddla_cache *cache = NULL;
  assert_int_equal(ddla_cache_create(&cache, 5, 2, 0), DDLA_OK);
  assert_true(ddla_cache_has_room(cache));
  assert_int_equal(ddla_cache_admit(cache, 0, next_of, next).memory, 0);
  assert_int_equal(ddla_cache_admit(cache, 1, next_of, next).memory, 1);
  assert_false(ddla_cache_has_room(cache));
  ddla_cache_move move =
      ddla_cache_admit(cache, 2, next_of, next); /* for 0, which is needed last */
  assert_int_equal(move.memory, 0);
  assert_int_equal(move.victim, 0);
  assert_int_equal(move.victim_disk, -1);
  assert_int_equal(ddla_cache_find(cache, 0, &place), DDLA_CACHE_NOWHERE);
  assert_int_equal(ddla_cache_find(cache, 2, &place), DDLA_CACHE_MEMORY);
  assert_int_equal(place, 0);
  move = ddla_cache_admit(cache, 4, next_of, next); /* all that are there come first */
  assert_int_equal(move.memory, -1);
  assert_int_equal(move.disk, -1);
  assert_int_equal(ddla_cache_find(cache, 4, &place), DDLA_CACHE_NOWHERE);
  ddla_cache_destroy(cache);
}

static void disk_takes_what_memory_gives_up(void **state) {
  (void)state;
  int64_t next[] = {50, 10, 30, 60, 40}, place = 0;
  ddla_cache *cache = NULL;
  assert_int_equal(ddla_cache_create(&cache, 5, 1, 2), DDLA_OK);
  assert_int_equal(ddla_cache_admit(cache, 0, next_of, next).memory, 0);
  ddla_cache_move move = ddla_cache_admit(cache, 1, next_of, next);
  assert_int_equal(move.victim, 0);
  assert_int_equal(move.victim_disk, 0);
  move = ddla_cache_admit(cache, 3, next_of, next);
  assert_int_equal(move.memory, -1);
  assert_int_equal(move.disk, 1);
  assert_int_equal(ddla_cache_find(cache, 3, &place), DDLA_CACHE_DISK);
  assert_int_equal(place, 1);
  assert_false(ddla_cache_has_room(cache));
  move = ddla_cache_admit(cache, 2, next_of, next); /* 1 comes sooner, and the disk is full */
  assert_int_equal(move.memory, -1);
  assert_int_equal(move.disk, -1);
  ddla_cache_fail_disk(cache, 3);
  assert_int_equal(ddla_cache_find(cache, 3, &place), DDLA_CACHE_NOWHERE);
  assert_int_equal(ddla_cache_find(cache, 0, &place), DDLA_CACHE_DISK);
  assert_int_equal(ddla_cache_admit(cache, 3, next_of, next).disk, -1);
  ddla_cache_destroy(cache);
}

static void uses_are_known_in_order(void **state) {
  (void)state;
  ddla_foresight *f = NULL;
  assert_int_equal(ddla_foresight_create(&f, 3, 4), DDLA_OK);
  assert_int_equal(ddla_foresight_next(f, 0, 0), INT64_MAX);
  assert_true(ddla_foresight_add(f, 0, 2, 0));
  assert_true(ddla_foresight_add(f, 0, 2, 0)); /* twice in a step is once */
  assert_true(ddla_foresight_add(f, 1, 3, 0));
  assert_true(ddla_foresight_add(f, 0, 5, 0));
  assert_true(ddla_foresight_add(f, 2, 6, 0));
  assert_false(ddla_foresight_add(f, 1, 7, 0));
  assert_int_equal(ddla_foresight_next(f, 0, 0), 2);
  assert_int_equal(ddla_foresight_next(f, 0, 3), 5);
  assert_int_equal(ddla_foresight_next(f, 1, 3), 3);
  assert_true(ddla_foresight_add(f, 1, 7, 0)); /* in the place of a use that is over */
  assert_int_equal(ddla_foresight_next(f, 1, 4), 7);
  assert_int_equal(ddla_foresight_next(f, 0, 6), INT64_MAX);
  assert_true(ddla_foresight_add(f, 0, 8, 0));
  assert_int_equal(ddla_foresight_next(f, 0, 6), 8);
  ddla_foresight_clear(f);
  assert_int_equal(ddla_foresight_next(f, 1, 0), INT64_MAX);
  ddla_foresight_destroy(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_keeps_what_is_needed_soonest),
      cmocka_unit_test(disk_takes_what_memory_gives_up),
      cmocka_unit_test(uses_are_known_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
