#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "watch/watcher.h"

/* One agent with one lane, which the test itself plays. */
typedef struct play {
  ddla_watch *watch;
  ddla_watch_lane pen;
  ddla_watcher *watcher;
  FILE *screen;
  uint64_t step; /* committed */
} play;

static void begin(play *it, double least_seconds) {
  const ddla_watch_options options = {
      .agents = 1, .lanes = 1, .source = "nowhere", .threads = true};
  *it = (play){.screen = tmpfile()};
  assert_int_equal(ddla_watch_create(&it->watch, &options), DDLA_OK);
  ddla_watch_begin_agent(it->watch, 0);
  it->pen = ddla_watch_lane_open(it->watch, 0, 0);
  const ddla_watcher_options hang = {.least_seconds = least_seconds, .screen = it->screen};
  assert_int_equal(ddla_watcher_create(&it->watcher, it->watch, &hang), DDLA_OK);
}

static void end(play *it) {
  ddla_watcher_destroy(it->watcher);
  ddla_watch_destroy(it->watch);
  fclose(it->screen);
}

/* Looks for so long, while steps go on or do not. */
static void spend(play *it, int ms, bool steps) {
  for (int spent = 0; spent < ms; spent += 20) {
    if (steps) {
      ddla_watch_set_step(&it->pen, it->step + 1);
      ddla_watch_mark(&it->pen, DDLA_PHASE_COMPUTE, 0);
      ddla_watch_mark(&it->pen, DDLA_PHASE_COMMITTED, ++it->step);
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    ddla_watcher_look(it->watcher);
  }
}

static int count_on(play *it, const char *words) {
  char text[8192];
  int count = 0;
  rewind(it->screen);
  text[fread(text, 1, sizeof text - 1, it->screen)] = '\0';
  for (const char *at = text; (at = strstr(at, words)); at++) count++;
  return count;
}

static void a_late_step_brings_one_screen(void **state) {
  play it;
  (void)state;
  begin(&it, 0.5);
  spend(&it, 1000, true);
  ddla_watch_set_step(&it.pen, it.step + 1);
  ddla_watch_mark(&it.pen, DDLA_PHASE_DATA, 3);
  spend(&it, 3500, false);
  assert_int_equal(count_on(&it, "has taken"), 1);
  assert_int_equal(count_on(&it, "(limit 0.5 s"), 1);
  assert_int_equal(count_on(&it, "reads data of shard 3"), 2); /* cause and table */
  assert_int_equal(count_on(&it, "goes on"), 0);
  spend(&it, 500, true);
  assert_int_equal(count_on(&it, "goes on after"), 1);
  ddla_watcher_finish(it.watcher); /* nothing is late any more */
  assert_int_equal(count_on(&it, "goes on"), 1);
  end(&it);
}

static void a_hang_is_over_when_the_run_is(void **state) {
  play it;
  (void)state;
  begin(&it, 0.3);
  spend(&it, 600, true);
  spend(&it, 2500, false);
  assert_int_equal(count_on(&it, "has taken"), 1);
  ddla_watcher_finish(it.watcher);
  assert_int_equal(count_on(&it, "and is done"), 1);
  end(&it);
}

static void steps_that_are_always_slow_are_not_late(void **state) {
  play it;
  (void)state;
  begin(&it, 0.2);
  for (int i = 0; i < 5; i++) { /* ten times the usual, 0.3 s, is the limit */
    spend(&it, 300, false);
    spend(&it, 20, true);
  }
  spend(&it, 1500, false);
  assert_int_equal(count_on(&it, "has taken"), 0);
  end(&it);
}

/* A run that hangs before anybody has looked twice. */
static void steps_before_the_first_look_count(void **state) {
  play it;
  (void)state;
  begin(&it, 0.3);
  for (int i = 0; i < 5; i++) {
    ddla_watch_set_step(&it.pen, it.step + 1);
    ddla_watch_mark(&it.pen, DDLA_PHASE_COMPUTE, 0);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    ddla_watch_mark(&it.pen, DDLA_PHASE_COMMITTED, ++it.step);
  }
  ddla_watch_mark(&it.pen, DDLA_PHASE_DATA, 3);
  spend(&it, 2500, false);
  assert_int_equal(count_on(&it, "has taken"), 1);
  assert_int_equal(count_on(&it, "(limit 0.3 s"), 1);
  end(&it);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_late_step_brings_one_screen),
      cmocka_unit_test(a_hang_is_over_when_the_run_is),
      cmocka_unit_test(steps_that_are_always_slow_are_not_late),
      cmocka_unit_test(steps_before_the_first_look_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
