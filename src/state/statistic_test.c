/* Records merged over shards equal what one pass over all numbers observes; the running values move
 * as PyTorch's do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "state/statistic.h"

enum { SHARDS = 7, ROWS_MAX = 9, CHANNELS = 3, STRIDE = 2 + 1 + 2 * CHANNELS };

static const int rows_of[SHARDS] = {4, 0, 9, 1, 0, 3, 2};

static double number(int shard, int row, int channel) {
  return 100 * channel + sin(1 + 17.0 * shard + 5.0 * row + channel) * (1 + shard);
}

/* What shards [first, end) hold, in one pass over all their numbers. */
static void observe(double *record, int first, int end) {
  memset(record, 0, (1 + 2 * CHANNELS) * sizeof *record);
  for (int s = first; s < end; s++) record[0] += rows_of[s];
  for (int c = 0; c < CHANNELS; c++) {
    for (int s = first; s < end; s++)
      for (int r = 0; r < rows_of[s]; r++) record[1 + c] += number(s, r, c) / record[0];
    for (int s = first; s < end; s++)
      for (int r = 0; r < rows_of[s]; r++)
        record[1 + CHANNELS + c] += pow(number(s, r, c) - record[1 + c], 2);
  }
}

static void assert_near(double found, double wanted) {
  if (!(fabs(found - wanted) <= 1e-9 * (1 + fabs(wanted))))
    fail_msg("%.17g, wanted %.17g", found, wanted);
}

static void merging_equals_one_pass(void **unused) {
  (void)unused;
  double into[1 + 2 * CHANNELS] = {0}, from[1 + 2 * CHANNELS], wanted[1 + 2 * CHANNELS];
  for (int s = 0; s < SHARDS; s++) {
    observe(from, s, s + 1);
    ddla_statistic_merge(into, from, CHANNELS);
    observe(wanted, 0, s + 1);
    for (int i = 0; i < 1 + 2 * CHANNELS; i++) assert_near(into[i], wanted[i]);
  }
}

static void running_values_move_towards_what_was_seen(void **unused) {
  (void)unused;
  double records[SHARDS * STRIDE] = {0}, all[1 + 2 * CHANNELS];
  for (int s = 0; s < SHARDS; s++) observe(records + s * STRIDE + 2, s, s + 1);
  observe(all, 0, SHARDS);
  const ddla_statistic statistic = {
      .channels = CHANNELS, .record = 2, .mean = 1, .variance = 5, .momentum = 0.1};
  const float now[8] = {9, 1, 2, 3, 9, 4, 5, 6};
  float next[8] = {7, 7, 7, 7, 7, 7, 7, 7};
  ddla_statistic_apply(next, now, &statistic, records, STRIDE, SHARDS);
  assert_true(next[0] == 7 && next[4] == 7);
  for (int c = 0; c < CHANNELS; c++) {
    double variance = all[1 + CHANNELS + c] / (all[0] - 1);
    assert_true(fabs((double)next[1 + c] - (0.9 * (double)now[1 + c] + 0.1 * all[1 + c])) < 1e-5);
    assert_true(fabs((double)next[5 + c] - (0.9 * (double)now[5 + c] + 0.1 * variance)) < 1e-5);
  }
}

/* Nothing seen moves nothing; one row alone has a mean but no variance. */
static void too_few_rows_leave_the_variance(void **unused) {
  (void)unused;
  double records[2 * (1 + 2)] = {0};
  const ddla_statistic statistic = {.channels = 1, .mean = 0, .variance = 1, .momentum = 0.5};
  const float now[2] = {3, 4};
  float next[2] = {0, 0};
  ddla_statistic_apply(next, now, &statistic, records, 3, 2);
  assert_true(next[0] == 3 && next[1] == 4);
  records[3] = 1;
  records[4] = 5;
  ddla_statistic_apply(next, now, &statistic, records, 3, 2);
  assert_true(next[0] == 4 && next[1] == 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(merging_equals_one_pass),
      cmocka_unit_test(running_values_move_towards_what_was_seen),
      cmocka_unit_test(too_few_rows_leave_the_variance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
