#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "optim/optimizer.h"

enum { COUNT = 1037, STEPS = 5 };

typedef struct arrays {
  float gradient[COUNT], theta[2][COUNT], moment[DDLA_MOMENTS_MAX][2][COUNT];
} arrays;

static void start(arrays *a) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(7, DDLA_PURPOSE_TEST, 0, 0));
  memset(a, 0, sizeof *a);
  for (int i = 0; i < COUNT; i++) a->theta[0][i] = ddla_rng_normal(&rng);
}

/* Gradients of a step: normal numbers, some zero, some tiny. */
static void draw(arrays *a, int64_t step) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(7, DDLA_PURPOSE_TEST, 1, (uint64_t)step));
  for (int i = 0; i < COUNT; i++) {
    float size = i % 17 == 0 ? 0 : i % 13 == 0 ? 1e-12f : 30;
    a->gradient[i] = size * ddla_rng_normal(&rng);
  }
}

static ddla_update span(arrays *a, int from, int64_t begin, int64_t count) {
  return (ddla_update){.count = count,
                       .gradient = a->gradient + begin,
                       .theta = a->theta[from] + begin,
                       .theta_next = a->theta[!from] + begin,
                       .moment = {a->moment[0][from] + begin, a->moment[1][from] + begin,
                                  a->moment[2][from] + begin},
                       .moment_next = {a->moment[0][!from] + begin, a->moment[1][!from] + begin,
                                       a->moment[2][!from] + begin},
                       .gradient_scale = 1.0 / 24,
                       .learning_rate = 0.01,
                       .weight_decay = 0.1};
}

/* STEPS steps in spans of `cut` elements; the result is in copy STEPS % 2. */
static void run(arrays *a, const ddla_optimizer *optimizer, const ddla_optimizer_options *options,
                int64_t cut, ddla_isa isa) {
  start(a);
  for (int64_t step = 1; step <= STEPS; step++) {
    draw(a, step);
    for (int64_t begin = 0; begin < COUNT; begin += cut) {
      ddla_update u =
          span(a, (int)((step + 1) % 2), begin, COUNT - begin < cut ? COUNT - begin : cut);
      u.step = step;
      u.options = options;
      u.isa = isa;
      optimizer->update(&u);
    }
  }
}

/* The formulas of PyTorch's documentation, one parameter at a time in double. */
static double sgd_double(double theta, double *moment, double g, const ddla_update *u,
                         int64_t step) {
  double d = g * u->gradient_scale + u->weight_decay * theta, mu = u->options->momentum;
  if (mu != 0) {
    moment[0] = step == 1 ? d : mu * moment[0] + d;
    const int late = u->options->nesterov + u->options->gradient_delay;
    d = (1 - pow(mu, late)) / (1 - mu) * d + pow(mu, late) * moment[0];
  }
  return theta - u->learning_rate * d;
}

static double adamw_double(double theta, double *moment, double g, const ddla_update *u,
                           int64_t step) {
  double b1 = u->options->beta1, b2 = u->options->beta2;
  g *= u->gradient_scale;
  theta -= u->learning_rate * u->weight_decay * theta;
  moment[0] = b1 * moment[0] + (1 - b1) * g;
  moment[1] = b2 * moment[1] + (1 - b2) * g * g;
  double mean = moment[0] / (1 - pow(b1, (double)step)),
         square = moment[1] / (1 - pow(b2, (double)step));
  return theta - u->learning_rate * mean / (sqrt(square) + u->options->epsilon);
}

static double rmsprop_double(double theta, double *moment, double g, const ddla_update *u,
                             int64_t step) {
  double alpha = u->options->beta2, d = g * u->gradient_scale + u->weight_decay * theta;
  (void)step;
  moment[0] = alpha * moment[0] + (1 - alpha) * d * d;
  moment[1] = alpha * moment[1] + (1 - alpha) * d;
  double mean = u->options->centered ? moment[1] : 0;
  double step_of = d / (sqrt(moment[0] - mean * mean) + u->options->epsilon);
  moment[2] = u->options->momentum * moment[2] + step_of;
  return theta - u->learning_rate * moment[2];
}

static double lion_double(double theta, double *moment, double g, const ddla_update *u,
                          int64_t step) {
  double b1 = u->options->beta1, b2 = u->options->beta2;
  (void)step;
  g *= u->gradient_scale;
  double c = b1 * moment[0] + (1 - b1) * g;
  moment[0] = b2 * moment[0] + (1 - b2) * g;
  theta -= u->learning_rate * u->weight_decay * theta;
  return theta - u->learning_rate * (c > 0 ? 1 : c < 0 ? -1 : 0);
}

typedef double (*formula)(double theta, double *moment, double g, const ddla_update *u,
                          int64_t step);

static const struct formula_row {
  const char *name;
  formula formula;
} formulas[] = {{"sgd", sgd_double},
                {"adamw", adamw_double},
                {"rmsprop", rmsprop_double},
                {"lion", lion_double}};

static formula formula_of(const char *name) {
  for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++)
    if (strcmp(formulas[i].name, name) == 0) return formulas[i].formula;
  fail_msg("%s has no formula in this test", name);
  return NULL;
}

static arrays got, other;

static const ddla_optimizer_options variants[] = {
    {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
    {.momentum = 0.9, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6},
    {.momentum = 0.9, .nesterov = true, .beta1 = 0, .beta2 = 0, .epsilon = 1e-3},
    {.momentum = 0.5, .gradient_delay = 2, .beta1 = 0, .beta2 = 0, .epsilon = 1e-3},
    {.momentum = 0.9, .nesterov = true, .gradient_delay = 1, .beta2 = 0.9, .epsilon = 1e-3},
    {.momentum = 0.9, .centered = true, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-2},
    {.centered = true, .beta1 = 0.5, .beta2 = 0.99, .epsilon = 1e-2},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static void check_double(const ddla_optimizer *optimizer, const ddla_optimizer_options *options) {
  run(&got, optimizer, options, COUNT, DDLA_ISA_BEST);
  for (int i = 0; i < COUNT; i++) {
    start(&other);
    double theta = other.theta[0][i], moment[DDLA_MOMENTS_MAX] = {0};
    for (int64_t step = 1; step <= STEPS; step++) {
      ddla_update u = span(&other, 0, 0, COUNT);
      u.options = options;
      draw(&other, step);
      theta = formula_of(optimizer->name)(theta, moment, other.gradient[i], &u, step);
    }
    assert_true(fabs(theta - got.theta[STEPS % 2][i]) < 2e-6);
  }
}

static void same_as_the_formula(void **state) {
  (void)state;
  int count = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  assert_true(count >= 4);
  for (int row = 0; row < count; row++)
    for (int v = 0; v < VARIANTS && rows[row]->update; v++) check_double(rows[row], &variants[v]);
}

static void same_bits_for_any_cut_and_isa(void **state) {
  (void)state;
  int count = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  for (int row = 0; row < count; row++) {
    if (!rows[row]->update) continue; /* layered_test.c */
    for (int v = 0; v < VARIANTS; v++) {
      run(&got, rows[row], &variants[v], COUNT, DDLA_ISA_plain);
      for (int isa = DDLA_ISA_BEST; isa < DDLA_ISA_END; isa++) {
        static const int64_t cuts[] = {1, 3, 16, 37, 512, COUNT};
        if (!ddla_isa_present((ddla_isa)isa)) continue;
        for (int c = 0; c < 6; c++) {
          run(&other, rows[row], &variants[v], cuts[c], (ddla_isa)isa);
          assert_memory_equal(&got, &other, sizeof got);
        }
      }
    }
  }
}

/* A span may be its own destination. */
static void same_bits_in_place(void **state) {
  (void)state;
  int count = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  for (int row = 0; row < count; row++) {
    if (!rows[row]->update) continue; /* layered_test.c */
    start(&got);
    draw(&got, 1);
    other = got;
    ddla_update u = span(&got, 0, 0, COUNT), v = span(&other, 0, 0, COUNT);
    u.step = v.step = 1;
    u.options = v.options = &variants[1];
    v.theta_next = other.theta[0];
    for (int m = 0; m < DDLA_MOMENTS_MAX; m++) v.moment_next[m] = other.moment[m][0];
    rows[row]->update(&u);
    rows[row]->update(&v);
    assert_memory_equal(got.theta[1], other.theta[0], sizeof got.theta[1]);
    for (int m = 0; m < rows[row]->moment_count; m++)
      assert_memory_equal(got.moment[m][1], other.moment[m][0], sizeof got.moment[m][1]);
  }
}

/* Nothing outside the span, and no source, is written. */
static void touches_its_span_only(void **state) {
  (void)state;
  int count = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  for (int row = 0; row < count; row++) {
    if (!rows[row]->update) continue; /* layered_test.c */
    start(&got);
    draw(&got, 1);
    other = got;
    ddla_update u = span(&got, 0, 100, 37);
    u.step = 1;
    u.options = &variants[1];
    rows[row]->update(&u);
    for (int m = 0; m <= DDLA_MOMENTS_MAX; m++) {
      float *next = m < DDLA_MOMENTS_MAX ? got.moment[m][1] : got.theta[1];
      memset(next + 100, 0, 37 * sizeof *next);
    }
    assert_memory_equal(&got, &other, sizeof got);
  }
}

/* The first step of one parameter with one moment, in place; rate 1, no decay. */
static ddla_update update_of_one(float *theta, float *moment, const float *gradient,
                                 const ddla_optimizer_options *options) {
  return (ddla_update){.count = 1,
                       .gradient = gradient,
                       .theta = theta,
                       .theta_next = theta,
                       .moment = {moment},
                       .moment_next = {moment},
                       .gradient_scale = 1,
                       .learning_rate = 1,
                       .step = 1,
                       .options = options};
}

/* By hand: theta 1, gradient 0.5, then 0.25; rate 0.1, momentum 0.9, decay 0.01. m1 = 0.51, theta1
 * = 0.949, m2 = 0.9 * 0.51 + 0.25 + 0.00949 = 0.71849, theta2 = 0.949 - 0.071849 = 0.877151. */
static void sgd_by_hand(void **state) {
  (void)state;
  ddla_optimizer_options options = {.momentum = 0.9};
  float theta = 1, moment = 0, gradient = 0.5f;
  ddla_update u = update_of_one(&theta, &moment, &gradient, &options);
  u.learning_rate = 0.1;
  u.weight_decay = 0.01;
  ddla_optimizer_find("sgd")->update(&u);
  assert_true(fabs(theta - 0.949) < 1e-7);
  gradient = 0.25f;
  u.step = 2;
  ddla_optimizer_find("sgd")->update(&u);
  assert_true(fabs(theta - 0.877151) < 1e-7);
}

/* The first step of Adam moves by the rate whatever the gradient's size, after the decay: 2 * 0.99
 * - 0.1. */
static void adamw_by_hand(void **state) {
  (void)state;
  ddla_optimizer_options options = ddla_optimizer_defaults();
  float theta = 2, moment[2] = {0}, gradient = 40;
  ddla_update u = {.count = 1,
                   .gradient = &gradient,
                   .theta = &theta,
                   .theta_next = &theta,
                   .moment = {&moment[0], &moment[1]},
                   .moment_next = {&moment[0], &moment[1]},
                   .gradient_scale = 0.01,
                   .learning_rate = 0.1,
                   .weight_decay = 0.1,
                   .step = 1,
                   .options = &options};
  ddla_optimizer_find("adamw")->update(&u);
  assert_true(fabs(theta - 1.88) < 1e-6);
  assert_true(fabs(moment[0] - 0.04) < 1e-8 && fabs(moment[1] - 1.6e-4) < 1e-10);
}

/* By hand: gradient 3, beta2 0.75: v = 2.25, sqrt 1.5, d / q = 2; then gradient -1: v = 1.6875 +
 * 0.25 = 1.9375. Centred: a = 0.75, v - a * a = 1.6875. */
static void rmsprop_by_hand(void **state) {
  (void)state;
  ddla_optimizer_options options = {.beta2 = 0.75, .epsilon = 1e-20};
  float theta = 1, moment[3] = {0}, gradient = 3;
  ddla_update u = {.count = 1,
                   .gradient = &gradient,
                   .theta = &theta,
                   .theta_next = &theta,
                   .moment = {&moment[0], &moment[1], &moment[2]},
                   .moment_next = {&moment[0], &moment[1], &moment[2]},
                   .gradient_scale = 1,
                   .learning_rate = 0.25,
                   .step = 1,
                   .options = &options};
  ddla_optimizer_find("rmsprop")->update(&u);
  assert_true(theta == 0.5f && moment[0] == 2.25f);
  gradient = -1;
  ddla_optimizer_find("rmsprop")->update(&u);
  assert_true(moment[0] == 1.9375f && fabs(theta - (0.5 + 0.25 / sqrt(1.9375))) < 1e-7);
  options.centered = true;
  moment[0] = 0;
  theta = 1;
  gradient = 3;
  ddla_optimizer_find("rmsprop")->update(&u);
  assert_true(moment[2] == 0.75f && fabs(theta - (1 - 0.25 * 3 / sqrt(1.6875))) < 1e-7);
}

/* Rate 0.25 and decay 0.5: 2 * 0.875 - 0.25 = 1.5. A gradient against the mean does not turn the
 * step round while beta1 * m is larger: m = 0.5 * 4 = 2, c = 0.75 * 2 - 0.25 * 4 = 0.5. */
static void lion_by_hand(void **state) {
  (void)state;
  ddla_optimizer_options options = {.beta1 = 0.75, .beta2 = 0.5, .epsilon = 1e-8};
  float theta = 2, moment = 0, gradient = 4;
  ddla_update u = {.count = 1,
                   .gradient = &gradient,
                   .theta = &theta,
                   .theta_next = &theta,
                   .moment = {&moment},
                   .moment_next = {&moment},
                   .gradient_scale = 1,
                   .learning_rate = 0.25,
                   .weight_decay = 0.5,
                   .step = 1,
                   .options = &options};
  ddla_optimizer_find("lion")->update(&u);
  assert_true(theta == 1.5f && moment == 2);
  gradient = -4;
  ddla_optimizer_find("lion")->update(&u);
  assert_true(theta == 1.5f * 0.875f - 0.25f && moment == -1);
  u.weight_decay = 0;
  moment = gradient = 0;
  theta = 3;
  ddla_optimizer_find("lion")->update(&u);
  assert_true(theta == 3);
}

/* Where parameters are after `steps` steps from 0, of which one has a gradient of 1. */
static double after_one_gradient(int delay, int at, int steps) {
  const ddla_optimizer *sgd = ddla_optimizer_find("sgd");
  ddla_optimizer_options options = ddla_optimizer_defaults();
  options.momentum = 0.5;
  options.gradient_delay = delay;
  float theta = 0, moment = 0, gradient = 0;
  for (int step = 0; step < steps; step++) {
    gradient = step == at;
    const ddla_update u = update_of_one(&theta, &moment, &gradient, &options);
    sgd->update(&u);
  }
  return theta;
}

static void what_comes_late_gets_as_far(void **state) {
  (void)state;
  for (int delay = 1; delay <= 4; delay++)
    for (int steps = delay + 1; steps < 12; steps++)
      assert_true(after_one_gradient(delay, delay, steps) == after_one_gradient(0, 0, steps));
}

static void names_and_options(void **state) {
  (void)state;
  ddla_optimizer_options options = ddla_optimizer_defaults();
  assert_null(ddla_optimizer_find("sdg"));
  assert_int_equal(ddla_optimizer_check(&options), DDLA_OK);
  assert_int_equal(ddla_optimizer_moments(ddla_optimizer_find("sgd"), &options), 0);
  assert_int_equal(ddla_optimizer_moments(ddla_optimizer_find("adamw"), &options), 2);
  options.nesterov = true;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
  options.momentum = 0.9;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_OK);
  assert_int_equal(ddla_optimizer_moments(ddla_optimizer_find("sgd"), &options), 1);
  options.gradient_delay = DDLA_GRADIENT_DELAY_MAX + 1;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
  options.gradient_delay = 1;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_OK);
  options.momentum = 0, options.nesterov = false;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
  options.momentum = 0.9;
  options.beta2 = 1;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "beta2 is 1"));
  options.beta2 = 0.5;
  options.clip_update = 0;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "clip_update is 0"));
  options = ddla_optimizer_defaults();
  options.beta2 = (double)NAN;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_as_the_formula), cmocka_unit_test(same_bits_for_any_cut_and_isa),
      cmocka_unit_test(same_bits_in_place),  cmocka_unit_test(touches_its_span_only),
      cmocka_unit_test(sgd_by_hand),         cmocka_unit_test(adamw_by_hand),
      cmocka_unit_test(rmsprop_by_hand),     cmocka_unit_test(lion_by_hand),
      cmocka_unit_test(what_comes_late_gets_as_far),
      cmocka_unit_test(names_and_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
