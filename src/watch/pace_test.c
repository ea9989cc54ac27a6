#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>

#include "watch/reader.h"

static const int64_t ms = 1000000;

/* A step that takes so long, from *now_ns on; the lane also waits in it, and meets the others after
 * it. */
static void one_step(ddla_watch_lane *pen, int64_t *now_ns, uint64_t step, int count) {
  ddla_watch_set_step(pen, step);
  ddla_watch_mark_at(pen, DDLA_PHASE_COMPUTE, 0, *now_ns);
  *now_ns += count * ms;
  ddla_watch_mark_at(pen, DDLA_PHASE_WAIT, 0, *now_ns);
  ddla_watch_mark_at(pen, DDLA_PHASE_COMMITTED, step, *now_ns);
  ddla_watch_mark_at(pen, DDLA_PHASE_COMMITTED, step, *now_ns);
}

static void the_median_step_is_the_usual_one(void **state) {
  ddla_watch *watch = NULL;
  int64_t now_ns = 1000 * ms;
  const ddla_watch_options options = {.agents = 1, .lanes = 1};
  (void)state;
  assert_int_equal(ddla_watch_create(&watch, &options), DDLA_OK);
  ddla_watch_lane pen = ddla_watch_lane_open(watch, 0, 0);
  assert_int_equal(ddla_watch_usual_ns(watch, 0, 0), 0);
  one_step(&pen, &now_ns, 1, 1);
  assert_int_equal(ddla_watch_usual_ns(watch, 0, 0), 0);
  for (uint64_t step = 2; step < 202; step++) /* the ring is overrun */
    one_step(&pen, &now_ns, step, step % 4 == 0 ? 8 : 3);
  assert_int_equal(ddla_watch_usual_ns(watch, 0, 0), 3 * ms);
  for (uint64_t step = 202; step < 222; step++) one_step(&pen, &now_ns, step, 5);
  assert_int_equal(ddla_watch_usual_ns(watch, 0, 0), 5 * ms); /* of the newest 31 */
  ddla_watch_destroy(watch);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_median_step_is_the_usual_one)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
