#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <math.h>

#include "compare/curve.h"

enum { COUNT = 5 };

static const double x[COUNT] = {1, 2, 4, 5, 9};
static const double y[COUNT] = {NAN, 10, 20, NAN, 40};
static const double falls[COUNT] = {5, 3, 4, 1, 2};

static void places_lie_on_straight_lines(void **state) {
  (void)state;
  assert_true(ddla_curve_at(x, y, COUNT, 3) == 15);
  assert_true(ddla_curve_at(x, y, COUNT, 4) == 20);
  assert_true(ddla_curve_at(x, y, COUNT, 6.5) == 30); /* over the point without a y */
  assert_true(ddla_curve_at(x, y, COUNT, 2) == 10);
  assert_true(ddla_curve_at(x, y, COUNT, 9) == 40);
}

static void outside_nothing_is_known(void **state) {
  (void)state;
  assert_true(isnan(ddla_curve_at(x, y, COUNT, 1.5)));
  assert_true(isnan(ddla_curve_at(x, y, COUNT, 9.5)));
  assert_true(isnan(ddla_curve_at(x, y, COUNT, NAN)));
  assert_true(isnan(ddla_curve_at(x, y, 0, 1)));
  assert_true(isnan(ddla_curve_at(x, y, 1, 1)));
}

static void a_target_is_reached_between_points(void **state) {
  (void)state;
  assert_true(ddla_curve_reach(x, y, COUNT, 15, true) == 3);
  assert_true(ddla_curve_reach(x, y, COUNT, 5, true) == 2); /* from the beginning */
  assert_true(ddla_curve_reach(x, y, COUNT, 40, true) == 9);
  assert_true(isnan(ddla_curve_reach(x, y, COUNT, 41, true)));
  assert_true(isnan(ddla_curve_reach(x, y, COUNT, NAN, true)));
  assert_true(ddla_curve_reach(x, falls, COUNT, 4, false) == 1.5);
  assert_true(ddla_curve_reach(x, falls, COUNT, 2.5, false) == 4.5); /* behind the rise */
}

static void the_best_and_the_last_are_found(void **state) {
  (void)state;
  assert_true(ddla_curve_best(y, COUNT, true) == 40);
  assert_true(ddla_curve_best(y, COUNT, false) == 10);
  assert_true(ddla_curve_best(falls, COUNT, false) == 1);
  assert_true(ddla_curve_last(falls, COUNT) == 2);
  assert_true(ddla_curve_last(y, 4) == 20);
  assert_true(isnan(ddla_curve_last(y, 1)) && isnan(ddla_curve_best(y, 1, true)));
}

/* The measure of a zigzag is known; a straight line has none, however steep. */
static void noise_is_what_is_not_smooth(void **state) {
  (void)state;
  static const double line[] = {0, 9, 1, 2, 3, 4, 5}, zigzag[] = {5, 5, 5, 1, -1, 1, -1};
  assert_true(ddla_curve_noise(line, 7) == 0); /* the earlier half does not count */
  assert_true(fabs(ddla_curve_noise(zigzag, 7) - 2 / sqrt(1.5)) < 1e-12);
  assert_true(isnan(ddla_curve_noise(line, 4)));
  assert_true(isnan(ddla_curve_noise(y, 1)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(places_lie_on_straight_lines),
      cmocka_unit_test(outside_nothing_is_known),
      cmocka_unit_test(a_target_is_reached_between_points),
      cmocka_unit_test(the_best_and_the_last_are_found),
      cmocka_unit_test(noise_is_what_is_not_smooth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
