#include "data/crew.h"

#include <stdatomic.h>

#include "data/test_files.h"

enum { ITEMS = 1000, THREADS = 7 };

typedef struct work {
  _Atomic int done[ITEMS];
  int64_t fails_at, fails_again_at;
  _Atomic int threads_seen;
} work;

static ddla_status do_item(int64_t item, int thread, void *argument) {
  work *w = argument;
  atomic_fetch_add(&w->done[item], 1);
  atomic_fetch_or(&w->threads_seen, 1 << thread);
  if (item == w->fails_at) usleep(1000); /* so that the later failure is the earlier one */
  if (item == w->fails_at || item == w->fails_again_at)
    return DDLA_FAIL(CORRUPT, "item %d", (int)item);
  return DDLA_OK;
}

static void each_item_once(void **state) {
  (void)state;
  for (int threads = 1; threads <= THREADS; threads++) {
    work w = {.fails_at = -1, .fails_again_at = -1};
    CHECK_OK(ddla_crew_run(ITEMS, threads, do_item, &w));
    for (int i = 0; i < ITEMS; i++) assert_int_equal(w.done[i], 1);
    assert_true(w.threads_seen != 0 && w.threads_seen < 1 << threads);
  }
}

/* Whichever thread is first, the failure of the first item is told. */
static void first_failure_counts(void **state) {
  (void)state;
  int cut_short = 0;
  for (int round = 0; round < 50; round++) {
    work w = {.fails_at = 500, .fails_again_at = 501};
    CHECK_FAILURE(ddla_crew_run(ITEMS, THREADS, do_item, &w), CORRUPT, "item 500");
    for (int i = 0; i <= 500; i++) assert_int_equal(w.done[i], 1);
    cut_short += w.done[ITEMS - 1] == 0;
  }
  assert_true(cut_short > 0); /* now and then a thread that fails is held up until all is done */
}

static void no_thread_without_work(void **state) {
  (void)state;
  work w = {.fails_at = -1, .fails_again_at = -1};
  assert_int_equal(ddla_crew_threads(8, 3), 3);
  assert_int_equal(ddla_crew_threads(8, 0), 1);
  assert_int_equal(ddla_crew_threads(1000, 1000), 16);
  assert_true(ddla_crew_threads(0, 1000) >= 1);
  CHECK_OK(ddla_crew_run(0, 1, do_item, &w));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_item_once),
                                     cmocka_unit_test(first_failure_counts),
                                     cmocka_unit_test(no_thread_without_work)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
