#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <time.h>

#include "watch/reader.h"

static const int64_t ms = 1000000;

static void pause_ms(int count) { nanosleep(&(struct timespec){.tv_nsec = count * ms}, NULL); }

/* A step that takes so long; the lane also waits in it, and meets the others after it. */
static void one_step(ddla_watch_lane *pen, uint64_t step, int count) {
  ddla_watch_set_step(pen, step);
  ddla_watch_mark(pen, DDLA_PHASE_COMPUTE, 0);
  pause_ms(count);
  ddla_watch_mark(pen, DDLA_PHASE_WAIT, 0);
  ddla_watch_mark(pen, DDLA_PHASE_COMMITTED, step);
  ddla_watch_mark(pen, DDLA_PHASE_COMMITTED, step);
}

static void the_median_step_is_the_usual_one(void **state) {
  ddla_watch *watch = NULL;
  const ddla_watch_options options = {.agents = 1, .lanes = 1};
  (void)state;
  assert_int_equal(ddla_watch_create(&watch, &options), DDLA_OK);
  ddla_watch_lane pen = ddla_watch_lane_open(watch, 0, 0);
  assert_int_equal(ddla_watch_usual_ns(watch, 0, 0), 0);
  one_step(&pen, 1, 1);
  assert_int_equal(ddla_watch_usual_ns(watch, 0, 0), 0);
  for (uint64_t step = 2; step < 202; step++) /* the ring is overrun */
    one_step(&pen, step, step % 4 == 0 ? 8 : 1);
  int64_t usual_ns = ddla_watch_usual_ns(watch, 0, 0);
  assert_in_range(usual_ns, ms, 7 * ms);
  ddla_watch_destroy(watch);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_median_step_is_the_usual_one)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
