/* Versions that are kept, and gradients that are compensated by them, against the formula of the
 * paper: Zheng et al. 2017, "Asynchronous stochastic gradient descent with delay compensation",
 * arXiv:1609.08326. */
#include "sync/turns/history.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { COUNT = 37 };

/* What version `version` was, and a gradient: no two elements are alike. */
static float parameter_of(int64_t version, int k) {
  return 0.25f * (float)((version * 31 + k * 7) % 23) - 2.5f + 0.01f * (float)k;
}

static float gradient_of(int k) { return (float)(k % 11) - 5 + 0.125f * (float)k; }

static void version_of(float *out, int64_t version) {
  for (int k = 0; k < COUNT; k++) out[k] = parameter_of(version, k);
}

static ddla_history *keep(int64_t versions, int64_t first, int64_t last) {
  ddla_history *history = NULL;
  float parameters[COUNT];
  assert_int_equal(ddla_history_create(&history, COUNT, versions), DDLA_OK);
  for (int64_t v = first; v <= last; v++) {
    version_of(parameters, v);
    ddla_history_keep(history, v, parameters);
  }
  return history;
}

/* What compensation makes of the gradient at version `old`, where now is version `now`. */
static void compensate(float *out, const ddla_history *history, double scale, double lambda,
                       int64_t old, int64_t now) {
  float parameters[COUNT];
  version_of(parameters, now);
  for (int k = 0; k < COUNT; k++) out[k] = gradient_of(k);
  ddla_history_compensate(history, out, scale, lambda, old, parameters);
}

/* The same in double, from the version `then`. */
static double plain(double scale, double lambda, int64_t then, int64_t now, int k) {
  const double g = scale * (double)gradient_of(k);
  const double moved = (double)parameter_of(now, k) - (double)parameter_of(then, k);
  return g + lambda * g * g * moved;
}

static void expect(const ddla_history *history, double scale, double lambda, int64_t old,
                   int64_t then, int64_t now) {
  float found[COUNT];
  compensate(found, history, scale, lambda, old, now);
  for (int k = 0; k < COUNT; k++) {
    const double wanted = plain(scale, lambda, then, now, k);
    if (fabs((double)found[k] - wanted) > 1e-5 * fmax(1, fabs(wanted)))
      fail_msg("of version %d at %d, element %d: %g, not %g", (int)old, (int)now, k,
               (double)found[k], wanted);
  }
}

/* In whole numbers: 3 with lambda 1/2, where the parameter went from 2 to 6: 3 + 1/2 9 4 = 21. */
static void the_formula_is_the_paper_s(void **state) {
  (void)state;
  ddla_history *history = NULL;
  const float then[] = {2, 2, 2, 2}, now[] = {6, 6, 2, -2};
  float gradient[] = {6, -6, 6, 6};
  assert_int_equal(ddla_history_create(&history, 4, 2), DDLA_OK);
  ddla_history_keep(history, 0, then);
  ddla_history_keep(history, 1, now);
  ddla_history_compensate(history, gradient, 0.5, 0.5, 0, now);
  assert_true(gradient[0] == 21);
  assert_true(gradient[1] == 15); /* the square has no sign */
  assert_true(gradient[2] == 3);
  assert_true(gradient[3] == -15);
  ddla_history_destroy(history);
}

static void every_kept_version_is_found(void **state) {
  (void)state;
  for (int64_t versions = 1; versions <= 5; versions++) {
    ddla_history *history = keep(versions, 10, 17);
    for (int64_t old = 18 - versions; old <= 17; old++) expect(history, 0.125, 0.04, old, old, 17);
    ddla_history_destroy(history);
  }
}

/* Older ones are gone: the oldest that there is stands for them. */
static void the_oldest_stands_for_older_ones(void **state) {
  (void)state;
  ddla_history *history = keep(3, 10, 17);
  for (int64_t old = 9; old < 15; old++) expect(history, 0.125, 0.04, old, 15, 17);
  ddla_history_destroy(history);
}

/* Fewer than there is room for: places without a version are none. */
static void places_may_be_empty(void **state) {
  (void)state;
  ddla_history *history = keep(8, 0, 2);
  for (int64_t old = 0; old <= 2; old++) expect(history, 1, 0.5, old, old, 2);
  ddla_history_destroy(history);
}

/* The newest version, lambda 0, nothing kept: the mean gradient, with its bits. */
static void what_is_not_late_is_only_scaled(void **state) {
  (void)state;
  ddla_history *history = keep(4, 3, 6), *empty = keep(4, 1, 0);
  float found[3][COUNT];
  compensate(found[0], history, 0.3, 0.04, 6, 6);
  compensate(found[1], history, 0.3, 0, 3, 6);
  compensate(found[2], empty, 0.3, 0.04, 3, 6);
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < COUNT; k++) assert_true(found[i][k] == gradient_of(k) * (float)0.3);
  ddla_history_destroy(history);
  ddla_history_destroy(empty);
}

static void null_is_destroyed(void **state) {
  (void)state;
  ddla_history_destroy(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_formula_is_the_paper_s),
                                     cmocka_unit_test(every_kept_version_is_found),
                                     cmocka_unit_test(the_oldest_stands_for_older_ones),
                                     cmocka_unit_test(places_may_be_empty),
                                     cmocka_unit_test(what_is_not_late_is_only_scaled),
                                     cmocka_unit_test(null_is_destroyed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
