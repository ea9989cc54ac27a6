/* Steps that are made without their last shards. Which shards these are is chance; what stays,
 * whatever happens, is tested. The update of those that are there, as plain training makes it:
 * tests/sim/asynchronous_test.c. */
#include "sync/turns/test_turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CASE                                                                                       \
  {                                                                                                \
    .method = "backup", .agents = TURNS_HOSTS, .lanes = 1, .shards = 8,                            \
    .steps = GROUP_TOTAL_STEPS,                                                                    \
    .rule = {.staleness = 2, .backup = 2, .meet_every = {GROUP_TOTAL_STEPS, 0}}, .direct = true,   \
    .optimizer = "sgd", .samples = {                                                               \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16                                                                                           \
    }                                                                                              \
  }

static void run_well(turns_run *r) {
  assert_true(turns_run_all(r));
  for (int h = 0; h < r->c->agents; h++)
    if (r->failure[h].code != DDLA_OK) fail_msg("host %d: %s", h, r->failure[h].text);
  for (int h = 1; h < r->c->agents; h++) /* one model, and one account of it */ {
    assert_memory_equal(r->theta[h], r->theta[0], sizeof r->theta[0]);
    assert_int_equal(r->samples[h], r->samples[0]);
  }
}

/* Every step takes all but two shards at least, and no more than there are. */
static void a_step_lacks_few_shards(void **state) {
  (void)state;
  for (int hosts = 2; hosts <= TURNS_HOSTS; hosts++)
    for (int threadless = 0; threadless < 2; threadless++) {
      group_case c = CASE;
      turns_run *r = calloc(1, sizeof *r);
      assert_non_null(r);
      c.agents = hosts;
      c.rule.servers = hosts == 3 ? 1 : 0;
      r->c = &c;
      r->threadless = threadless == 1;
      run_well(r);
      assert_in_range(r->samples[0], 2 * 6 * GROUP_TOTAL_STEPS, 2 * 8 * GROUP_TOTAL_STEPS);
      free(r);
    }
}

/* Where none may be missing, all are there, and the model is the same again. */
static void no_shard_is_missing(void **state) {
  (void)state;
  turns_run *r = calloc(2, sizeof *r);
  group_case c = CASE;
  assert_non_null(r);
  c.rule.backup = 0;
  for (int i = 0; i < 2; i++) {
    r[i].c = &c;
    r[i].slow_host = i;
    r[i].slow_ms = 5;
    run_well(&r[i]);
    assert_int_equal(r[i].samples[0], 2 * 8 * GROUP_TOTAL_STEPS);
  }
  assert_memory_equal(r[0].theta[0], r[1].theta[0], sizeof r[0].theta[0]);
  free(r);
}

/* A slow host is in no step but the one that it begins with, and the last ones where all others
 * wait for the end. */
static void a_slow_host_is_not_waited_for(void **state) {
  (void)state;
  group_case c = CASE;
  turns_run *r = calloc(1, sizeof *r);
  assert_non_null(r);
  r->c = &c;
  r->slow_host = 3;
  r->slow_ms = 1000;
  run_well(r);
  assert_in_range(r->turns[3], 0, 2);
  free(r);
}

/* It goes on with the newest step: its old shards are let go. */
static void a_late_host_goes_on(void **state) {
  (void)state;
  group_case c = CASE;
  turns_run *r = calloc(1, sizeof *r);
  assert_non_null(r);
  r->c = &c;
  c.agents = 2;
  r->slow_host = 1;
  r->slow_ms = 200;
  run_well(r);
  assert_true(r->turns[0] >= 5 * GROUP_TOTAL_STEPS);
  free(r);
}

static void a_host_that_fails_ends_the_others(void **state) {
  (void)state;
  group_case c = CASE;
  turns_run *r = calloc(1, sizeof *r);
  assert_non_null(r);
  c.agents = 2;
  c.rule.backup = 0;
  r->c = &c;
  r->bad_host = 1;
  assert_true(turns_run_all(r));
  for (int h = 0; h < c.agents; h++) assert_int_not_equal(r->failure[h].code, DDLA_OK);
  free(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_lacks_few_shards), cmocka_unit_test(no_shard_is_missing),
      cmocka_unit_test(a_slow_host_is_not_waited_for), cmocka_unit_test(a_late_host_goes_on),
      cmocka_unit_test(a_host_that_fails_ends_the_others)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
