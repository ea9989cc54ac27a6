#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "optim/schedule.h"

static void assert_near(double got, double expected) { assert_true(fabs(got - expected) < 1e-14); }

static void constant_and_warm_up(void **state) {
  (void)state;
  ddla_rate_schedule s = {.kind = DDLA_SCHEDULE_constant, .rate = 0.8, .warmup_steps = 4};
  const double expected[] = {0.2, 0.4, 0.6, 0.8, 0.8, 0.8};
  for (int step = 1; step <= 6; step++)
    assert_near(ddla_rate_schedule_at(&s, step, 6), expected[step - 1]);
  s.warmup_steps = 0;
  assert_near(ddla_rate_schedule_at(&s, 1, 6), 0.8);
}

static void steps(void **state) {
  (void)state;
  ddla_rate_schedule s = {.kind = DDLA_SCHEDULE_step, .rate = 1, .every = 3, .gamma = 0.1};
  const double expected[] = {1, 1, 1, 0.1, 0.1, 0.1, 0.01};
  for (int step = 1; step <= 7; step++)
    assert_near(ddla_rate_schedule_at(&s, step, 100), expected[step - 1]);
  s.warmup_steps = 2;
  assert_near(ddla_rate_schedule_at(&s, 5, 100), 1);
  assert_near(ddla_rate_schedule_at(&s, 6, 100), 0.1);
}

static void cosine_is_the_cosine(void **state) {
  (void)state;
  ddla_rate_schedule s = {
      .kind = DDLA_SCHEDULE_cosine, .rate = 0.5, .warmup_steps = 10, .final = 0.1};
  for (int step = 11; step <= 111; step++) {
    double p = (step - 11) / 100.0;
    double expected = 0.05 + 0.45 * (1 + cos(3.14159265358979323846 * p)) / 2;
    assert_near(ddla_rate_schedule_at(&s, step, 110), expected);
  }
  assert_near(ddla_rate_schedule_at(&s, 1000, 110), 0.05);
}

static void linear_is_a_line(void **state) {
  (void)state;
  ddla_rate_schedule s = {.kind = DDLA_SCHEDULE_linear, .rate = 2, .warmup_steps = 2, .final = 0.5};
  const double expected[] = {1, 2, 2, 1.75, 1.5, 1.25, 1, 1};
  for (int step = 1; step <= 8; step++)
    assert_near(ddla_rate_schedule_at(&s, step, 6), expected[step - 1]);
}

/* A warm-up longer than the run, and no steps at all. */
static void odd_lengths(void **state) {
  (void)state;
  for (int kind = 0; kind < ddla_rate_schedule_count(); kind++) {
    ddla_rate_schedule s = {.kind = (ddla_rate_schedule_kind)kind,
                            .rate = 1,
                            .warmup_steps = 10,
                            .every = 1,
                            .gamma = 1};
    assert_near(ddla_rate_schedule_at(&s, 5, 6), 0.5);
    s.warmup_steps = 0;
    assert_near(ddla_rate_schedule_at(&s, 1, 0), 1);
    assert_near(ddla_rate_schedule_at(&s, 1, 1), 1);
    assert_int_equal(ddla_rate_schedule_find(ddla_rate_schedule_name(s.kind)), kind);
    assert_int_equal(ddla_rate_schedule_check(&s), DDLA_OK);
  }
  assert_int_equal(ddla_rate_schedule_find("cosin"), -1);
}

static void refuses(void **state) {
  (void)state;
  const ddla_rate_schedule bad[] = {
      {.kind = DDLA_SCHEDULE_constant, .rate = -1},
      {.kind = DDLA_SCHEDULE_constant, .rate = (double)NAN},
      {.kind = DDLA_SCHEDULE_constant, .rate = 1, .warmup_steps = -1},
      {.kind = DDLA_SCHEDULE_linear, .rate = 1, .final = 2},
      {.kind = DDLA_SCHEDULE_step, .rate = 1, .gamma = 0.1},
      {.kind = DDLA_SCHEDULE_step, .rate = 1, .every = 1, .gamma = 2},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(ddla_rate_schedule_check(&bad[i]), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(constant_and_warm_up), cmocka_unit_test(steps),
      cmocka_unit_test(cosine_is_the_cosine), cmocka_unit_test(linear_is_a_line),
      cmocka_unit_test(odd_lengths),          cmocka_unit_test(refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
