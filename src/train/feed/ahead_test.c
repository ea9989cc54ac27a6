/* Whether there is a loader, from what the lanes leave of a machine. */
#include "train/feed/ahead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static ddla_ahead decide(int64_t wanted, ddla_ahead_case what) {
  return ddla_ahead_decide(wanted, &what);
}

static void auto_wants_a_core_for_each_agent(void **state) {
  (void)state;
  assert_int_equal(decide(-1, (ddla_ahead_case){.cores = 2, .agents = 1, .threads = 1}).count,
                   DDLA_AHEAD_AUTO);
  const ddla_ahead none = decide(-1, (ddla_ahead_case){.cores = 2, .agents = 1, .threads = 2});
  assert_int_equal(none.count, 0);
  assert_string_equal(none.words, "none, 1 agent with 2 threads leaves no core of 2 each");
  assert_int_equal(decide(-1, (ddla_ahead_case){.cores = 5, .agents = 3, .threads = 3}).count, 0);
  assert_int_equal(decide(-1, (ddla_ahead_case){.cores = 6, .agents = 3, .threads = 3}).count,
                   DDLA_AHEAD_AUTO);
}

static void auto_heeds_quotas_and_other_programs(void **state) {
  (void)state;
  ddla_ahead_case what = {.cores = 4, .agents = 1, .threads = 2, .quota = 2.9};
  assert_int_equal(decide(-1, what).count, 0);
  what.quota = 3;
  assert_int_equal(decide(-1, what).count, DDLA_AHEAD_AUTO);
  what.others = 1;
  assert_int_equal(decide(-1, what).count, 0);
  assert_non_null(strstr(decide(-1, what).words, "beside other programs"));
}

static void auto_heeds_what_a_micro_batch_takes(void **state) {
  (void)state;
  ddla_ahead_case what = {.cores = 2, .agents = 1, .threads = 1, .bytes = 1 << 20};
  assert_int_equal(decide(-1, what).count, DDLA_AHEAD_AUTO);
  what.bytes = 5 << 20;
  assert_int_equal(decide(-1, what).count, 3);
  what.bytes = (size_t)1 << 30;
  assert_int_equal(decide(-1, what).count, DDLA_AHEAD_AUTO_LEAST);
  assert_int_equal(decide(9, what).count, 9);
}

static void a_number_is_what_is_done(void **state) {
  (void)state;
  const ddla_ahead_case full = {.cores = 2, .agents = 2, .threads = 4, .others = 9};
  assert_int_equal(ddla_ahead_decide(3, &full).count, 3);
  assert_string_equal(ddla_ahead_decide(3, &full).words, "3 micro-batches ahead of each lane");
  assert_string_equal(ddla_ahead_decide(1, &full).words, "1 micro-batch ahead of each lane");
  assert_int_equal(ddla_ahead_decide(0, &full).count, 0);
  assert_string_equal(ddla_ahead_decide(0, &full).words, "none, not wanted");
}

static void what_nobody_knows_ahead_is_not_prepared(void **state) {
  (void)state;
  const ddla_ahead_case unknown = {.cores = 8, .agents = 1, .threads = 1, .why = "lanes claim"};
  assert_int_equal(ddla_ahead_decide(-1, &unknown).count, 0);
  assert_int_equal(ddla_ahead_decide(4, &unknown).count, 0);
  assert_string_equal(ddla_ahead_decide(4, &unknown).words, "none, lanes claim");
}

static void other_words_are_refused(void **state) {
  (void)state;
  ddla_job *job = NULL;
  int64_t count = 7;
  assert_int_equal(ddla_job_create(&job), DDLA_OK);
  assert_int_equal(ddla_ahead_read(&count, job), DDLA_OK);
  assert_int_equal(count, -1);
  assert_int_equal(ddla_job_set(job, "data.ahead=64"), DDLA_OK);
  assert_int_equal(ddla_ahead_read(&count, job), DDLA_OK);
  assert_int_equal(count, 64);
  static const char *const wrong[] = {"data.ahead=65", "data.ahead=-1", "data.ahead=2.5",
                                      "data.ahead=four", "data.ahead=99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(ddla_job_set(job, wrong[i]), DDLA_OK);
    assert_int_equal(ddla_ahead_read(&count, job), DDLA_INVALID);
    assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "data.ahead"));
  }
  assert_int_equal(count, 64);
  ddla_job_destroy(job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(auto_wants_a_core_for_each_agent),
      cmocka_unit_test(auto_heeds_quotas_and_other_programs),
      cmocka_unit_test(auto_heeds_what_a_micro_batch_takes),
      cmocka_unit_test(a_number_is_what_is_done),
      cmocka_unit_test(what_nobody_knows_ahead_is_not_prepared),
      cmocka_unit_test(other_words_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
