#include "agent/survey_timetable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Every pair meets once, and nobody twice in a round. */
static void expect_sound(const ddla_survey_timetable *table, int hosts) {
  bool met[DDLA_HOSTS_MAX][DDLA_HOSTS_MAX] = {{false}};
  static bool busy[DDLA_SURVEY_PAIRS_MAX][DDLA_HOSTS_MAX];
  memset(busy, 0, sizeof busy);
  assert_int_equal(table->count, hosts * (hosts - 1) / 2);
  for (int i = 0; i < table->count; i++) {
    const ddla_survey_meeting *m = &table->at[i];
    assert_true(m->low < m->high && m->high < hosts && m->round < table->rounds);
    assert_false(met[m->low][m->high]);
    assert_false(busy[m->round][m->low] || busy[m->round][m->high]);
    met[m->low][m->high] = busy[m->round][m->low] = busy[m->round][m->high] = true;
  }
}

static void every_pair_meets_once(void **state) {
  (void)state;
  static ddla_survey_timetable table;
  for (int hosts = 1; hosts <= DDLA_HOSTS_MAX; hosts++) {
    ddla_survey_timetable_make(&table, hosts, false);
    expect_sound(&table, hosts);
    assert_int_equal(table.rounds, hosts < 2 ? 0 : hosts - 1 + hosts % 2);
    ddla_survey_timetable_make(&table, hosts, true);
    expect_sound(&table, hosts);
    assert_int_equal(table.rounds, table.count);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_pair_meets_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
