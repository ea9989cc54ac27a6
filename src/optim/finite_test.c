/* Counts of what is not finite: every place, every kind, every instruction set. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "optim/finite.h"

enum { COUNT = 9000 };

static float values[COUNT];

static void fill(void) {
  static const float finite[] = {0, -0.0F, 1, -3.5F, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45F};
  for (int i = 0; i < COUNT; i++) values[i] = finite[i * 5 % 8];
}

static void finite_numbers_are_not_counted(void **state) {
  (void)state;
  fill();
  for (ddla_isa isa = DDLA_ISA_BEST; isa < DDLA_ISA_END; isa++)
    if (ddla_isa_present(isa)) assert_int_equal(ddla_finite_bad(values, COUNT, isa), 0);
  assert_int_equal(ddla_finite_look(values, COUNT).first, 0);
  assert_int_equal(ddla_finite_bad(values, 0, DDLA_ISA_BEST), 0);
}

static void each_place_is_seen(void **state) {
  (void)state;
  static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
  fill();
  for (int i = 0; i < 400; i++) {
    const int at = i < 200 ? i : COUNT - 400 + i;
    const float kept = values[at];
    values[at] = bad[i % 4];
    for (ddla_isa isa = DDLA_ISA_BEST; isa < DDLA_ISA_END; isa++)
      if (ddla_isa_present(isa)) assert_int_equal(ddla_finite_bad(values, COUNT, isa), 1);
    const ddla_finite found = ddla_finite_look(values, COUNT);
    assert_int_equal(found.first, at + 1);
    assert_int_equal(found.nan, i % 4 < 2);
    assert_int_equal(found.infinite, i % 4 >= 2);
    values[at] = kept;
  }
}

static void all_are_counted(void **state) {
  (void)state;
  for (int i = 0; i < COUNT; i++) values[i] = i % 3 ? NAN : INFINITY;
  const ddla_finite found = ddla_finite_look(values, COUNT);
  assert_int_equal(ddla_finite_bad(values, COUNT, DDLA_ISA_BEST), COUNT);
  assert_int_equal(found.nan, COUNT / 3 * 2);
  assert_int_equal(found.infinite, COUNT / 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finite_numbers_are_not_counted),
                                     cmocka_unit_test(each_place_is_seen),
                                     cmocka_unit_test(all_are_counted)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
