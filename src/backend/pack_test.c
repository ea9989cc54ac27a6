#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/pack.h"

enum { COUNT = 4096, THREADS = 4, VERSIONS = 200 };

typedef struct shared {
  ddla_pack_slot *slot;
  pthread_barrier_t step;
  int64_t parameter[COUNT];
  _Atomic int fills;
  _Atomic int wrong;
} shared;

static ddla_status negate(void *to, const void *from, void *argument) {
  shared *s = argument;
  atomic_fetch_add(&s->fills, 1);
  for (int i = 0; i < COUNT; i++) ((int64_t *)to)[i] = -((const int64_t *)from)[i];
  return DDLA_OK;
}

/* A step: the first thread changes the parameter, all use its packed form. */
static void *lane(void *argument) {
  shared *s = argument;
  for (int64_t version = 1; version <= VERSIONS; version++) {
    if (pthread_barrier_wait(&s->step) == PTHREAD_BARRIER_SERIAL_THREAD)
      for (int i = 0; i < COUNT; i++) s->parameter[i] = version * COUNT + i;
    pthread_barrier_wait(&s->step);
    const void *packed = NULL;
    if (ddla_pack_use(&packed, s->slot, (uint64_t)version, s->parameter, negate, s) != DDLA_OK)
      atomic_fetch_add(&s->wrong, 1);
    for (int i = 0; i < COUNT; i++)
      if (((const int64_t *)packed)[i] != -(version * COUNT + i)) atomic_fetch_add(&s->wrong, 1);
  }
  return NULL;
}

static void packed_once_per_version_by_many_threads(void **state) {
  (void)state;
  static shared s;
  ddla_pack_cache *cache = NULL;
  pthread_t thread[THREADS];
  assert_int_equal(ddla_pack_cache_create(&cache), DDLA_OK);
  assert_int_equal(ddla_pack_reserve(&s.slot, cache, 3, "negated", sizeof s.parameter), DDLA_OK);
  pthread_barrier_init(&s.step, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&thread[i], NULL, lane, &s), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  pthread_barrier_destroy(&s.step);
  assert_int_equal(s.fills, VERSIONS);
  assert_int_equal(s.wrong, 0);
  ddla_pack_cache_destroy(cache);
}

static void slots_are_one_per_parameter_and_layout(void **state) {
  (void)state;
  ddla_pack_cache *cache = NULL;
  ddla_pack_slot *slot[4] = {NULL};
  assert_int_equal(ddla_pack_cache_create(&cache), DDLA_OK);
  assert_int_equal(ddla_pack_reserve(&slot[0], cache, 1, "a", 8), DDLA_OK);
  assert_int_equal(ddla_pack_reserve(&slot[1], cache, 1, "b", 8), DDLA_OK);
  assert_int_equal(ddla_pack_reserve(&slot[2], cache, 2, "a", 8), DDLA_OK);
  assert_int_equal(ddla_pack_reserve(&slot[3], cache, 1, "a", 8), DDLA_OK);
  assert_ptr_equal(slot[0], slot[3]);
  assert_ptr_not_equal(slot[0], slot[1]);
  assert_ptr_not_equal(slot[0], slot[2]);
  ddla_pack_cache_destroy(cache);
  ddla_pack_cache_destroy(NULL);
}

static ddla_status count_fill(void *to, const void *from, void *argument) {
  memcpy(to, from, 8);
  if (++*(int *)argument == 3) return DDLA_FAIL(INTERNAL, "third fill");
  return DDLA_OK;
}

static void unknown_and_failed_versions_are_filled_again(void **state) {
  (void)state;
  ddla_pack_cache *cache = NULL;
  ddla_pack_slot *slot = NULL;
  const void *packed = NULL;
  int64_t value = 5;
  int fills = 0;
  assert_int_equal(ddla_pack_cache_create(&cache), DDLA_OK);
  assert_int_equal(ddla_pack_reserve(&slot, cache, 0, "copy", 8), DDLA_OK);
  for (int i = 0; i < 2; i++)
    assert_int_equal(ddla_pack_use(&packed, slot, 0, &value, count_fill, &fills), DDLA_OK);
  assert_int_equal(fills, 2);
  assert_int_equal(ddla_pack_use(&packed, slot, 9, &value, count_fill, &fills), DDLA_INTERNAL);
  assert_int_equal(ddla_pack_use(&packed, slot, 9, &value, count_fill, &fills), DDLA_OK);
  assert_int_equal(ddla_pack_use(&packed, slot, 9, &value, count_fill, &fills), DDLA_OK);
  assert_int_equal(fills, 4);
  assert_int_equal(*(const int64_t *)packed, 5);
  ddla_pack_cache_destroy(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(packed_once_per_version_by_many_threads),
      cmocka_unit_test(slots_are_one_per_parameter_and_layout),
      cmocka_unit_test(unknown_and_failed_versions_are_filled_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
