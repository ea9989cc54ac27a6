#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "compare/entry.h"
#include "job/option.h"

static ddla_entries entries;

static void read(const char *text) {
  if (ddla_entries_read(&entries, text) != DDLA_OK)
    fail_msg("'%s': %s", text, ddla_status_message(DDLA_INVALID));
}

static void methods_and_keys_are_read(void **state) {
  (void)state;
  read("allreduce,diloco:interval=32+codec=int8,average:train.learning_rate=1e+2");
  assert_int_equal(entries.count, 3);
  assert_ptr_equal(entries.at[0].strategy, ddla_strategy_find("synchronous", "allreduce"));
  assert_int_equal(entries.at[0].set_count, 0);
  assert_string_equal(entries.at[0].folder, "allreduce");
  assert_ptr_equal(entries.at[1].strategy, ddla_strategy_find("accumulated", "diloco"));
  assert_string_equal(entries.at[1].name, "diloco:interval=32+codec=int8");
  assert_string_equal(entries.at[1].folder, "diloco-interval=32-codec=int8");
  assert_int_equal(entries.at[1].set_count, 2);
  assert_string_equal(entries.at[1].set[0], "sync.interval=32");
  assert_string_equal(entries.at[1].set[1], "sync.codec=int8");
  assert_int_equal(entries.at[2].set_count, 1); /* a plus sign before a digit */
  assert_string_equal(entries.at[2].set[0], "train.learning_rate=1e+2");
}

static void commas_in_brackets_belong_to_a_value(void **state) {
  (void)state;
  read("allreduce:model.hidden=[64, 32],sharded");
  assert_int_equal(entries.count, 2);
  assert_string_equal(entries.at[0].set[0], "model.hidden=[64, 32]");
  assert_string_equal(entries.at[1].name, "sharded");
  assert_null(strpbrk(entries.at[0].folder, "[] /"));
}

static void every_method_of_the_table_is_known(void **state) {
  (void)state;
  int count = 0;
  const ddla_strategy *const *rows = ddla_strategy_table(&count);
  for (int i = 0; i < count; i++) {
    read(rows[i]->method);
    assert_string_equal(entries.at[0].strategy->method, rows[i]->method);
  }
}

static void what_is_wrong_is_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *words;
  } rows[] = {{"", "no method ''"},
              {"alreduce", "did you mean 'allreduce'?"},
              {"fly", "there are: allreduce average"},
              {"allreduce,", "no method ''"},
              {"diloco:", "expected KEY=VALUE"},
              {"diloco:interval", "expected KEY=VALUE"},
              {"diloco:=3", "expected KEY=VALUE"},
              {"diloco:interval=3+", "expected KEY=VALUE"},
              {"diloco:intervall=3", "did you mean sync.interval?"},
              {"diloco:train.bacth=3", "did you mean train.batch?"},
              {"diloco:interval=8,diloco:interval=8", "there twice"},
              {"diloco:a=1+b=2", "there is no key 'sync.a'"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    entries.count = -1;
    assert_int_equal(ddla_entries_read(&entries, rows[i].text), DDLA_INVALID);
    if (!strstr(ddla_status_message(DDLA_INVALID), rows[i].words))
      fail_msg("'%s': %s", rows[i].text, ddla_status_message(DDLA_INVALID));
    assert_int_equal(entries.count, -1);
  }
}

static void too_much_is_refused(void **state) {
  (void)state;
  char text[4096];
  int used = snprintf(text, sizeof text, "diloco:interval=1");
  for (int i = 1; i <= DDLA_ENTRY_SETS_MAX; i++)
    used += snprintf(text + used, sizeof text - (size_t)used, "+after=1");
  assert_int_equal(ddla_entries_read(&entries, text), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "more than 16 keys"));
  used = snprintf(text, sizeof text, "allreduce");
  for (int i = 1; i <= DDLA_ENTRIES_MAX; i++)
    used += snprintf(text + used, sizeof text - (size_t)used, ",diloco:interval=%d", i);
  assert_int_equal(ddla_entries_read(&entries, text), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "more than 16 entries"));
  memset(text, 'x', 400);
  text[400] = '\0';
  assert_int_equal(ddla_entries_read(&entries, text), DDLA_INVALID);
}

/* Values are what the job's keys take. */
static void what_is_tried_unasked_is_there(void **state) {
  (void)state;
  assert_int_equal(ddla_entries_initial(&entries), DDLA_OK);
  assert_true(entries.count >= 2);
  for (int i = 0; i < entries.count; i++) {
    ddla_job *job = NULL;
    assert_int_equal(ddla_job_create(&job), DDLA_OK);
    for (int k = 0; k < entries.at[i].set_count; k++)
      assert_int_equal(ddla_job_set(job, entries.at[i].set[k]), DDLA_OK);
    ddla_job_destroy(job);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(methods_and_keys_are_read),
      cmocka_unit_test(commas_in_brackets_belong_to_a_value),
      cmocka_unit_test(every_method_of_the_table_is_known),
      cmocka_unit_test(what_is_wrong_is_named),
      cmocka_unit_test(too_much_is_refused),
      cmocka_unit_test(what_is_tried_unasked_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
