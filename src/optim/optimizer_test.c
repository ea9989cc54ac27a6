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
  float gradient[COUNT], theta[2][COUNT], moment[2][2][COUNT];
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
                       .moment = {a->moment[0][from] + begin, a->moment[1][from] + begin},
                       .moment_next = {a->moment[0][!from] + begin, a->moment[1][!from] + begin},
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
    d = u->options->nesterov ? d + mu * moment[0] : moment[0];
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

static double any_double(const char *name, double theta, double *moment, double g,
                         const ddla_update *u, int64_t step) {
  return strcmp(name, "sgd") == 0 ? sgd_double(theta, moment, g, u, step)
                                  : adamw_double(theta, moment, g, u, step);
}

static arrays got, other;

static const ddla_optimizer_options variants[] = {
    {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
    {.momentum = 0.9, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6},
    {.momentum = 0.9, .nesterov = true, .beta1 = 0, .beta2 = 0, .epsilon = 1e-3},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static void check_double(const ddla_optimizer *optimizer, const ddla_optimizer_options *options) {
  run(&got, optimizer, options, COUNT, DDLA_ISA_BEST);
  for (int i = 0; i < COUNT; i++) {
    start(&other);
    double theta = other.theta[0][i], moment[2] = {0};
    for (int64_t step = 1; step <= STEPS; step++) {
      ddla_update u = span(&other, 0, 0, COUNT);
      u.options = options;
      draw(&other, step);
      theta = any_double(optimizer->name, theta, moment, other.gradient[i], &u, step);
    }
    assert_true(fabs(theta - got.theta[STEPS % 2][i]) < 2e-6);
  }
}

static void same_as_the_formula(void **state) {
  (void)state;
  int count = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  assert_int_equal(count, 2);
  for (int row = 0; row < count; row++)
    for (int v = 0; v < VARIANTS; v++) check_double(rows[row], &variants[v]);
}

static void same_bits_for_any_cut_and_isa(void **state) {
  (void)state;
  int count = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  for (int row = 0; row < count; row++) {
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
    start(&got);
    draw(&got, 1);
    other = got;
    ddla_update u = span(&got, 0, 0, COUNT), v = span(&other, 0, 0, COUNT);
    u.step = v.step = 1;
    u.options = v.options = &variants[1];
    v.theta_next = other.theta[0];
    for (int m = 0; m < 2; m++) v.moment_next[m] = other.moment[m][0];
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
  for (int row = 0; row < 2; row++) {
    start(&got);
    draw(&got, 1);
    other = got;
    ddla_update u = span(&got, 0, 100, 37);
    u.step = 1;
    u.options = &variants[1];
    ddla_optimizer_table(&(int){0})[row]->update(&u);
    for (int m = 0; m < 3; m++) {
      float *next = m < 2 ? got.moment[m][1] : got.theta[1];
      memset(next + 100, 0, 37 * sizeof *next);
    }
    assert_memory_equal(&got, &other, sizeof got);
  }
}

/* By hand: theta 1, gradient 0.5, then 0.25; rate 0.1, momentum 0.9, decay 0.01. m1 = 0.51, theta1
 * = 0.949, m2 = 0.9 * 0.51 + 0.25 + 0.00949 = 0.71849, theta2 = 0.949 - 0.071849 = 0.877151. */
static void sgd_by_hand(void **state) {
  (void)state;
  ddla_optimizer_options options = {.momentum = 0.9};
  float theta = 1, moment = 0, gradient = 0.5f;
  ddla_update u = {.count = 1,
                   .gradient = &gradient,
                   .theta = &theta,
                   .theta_next = &theta,
                   .moment = {&moment},
                   .moment_next = {&moment},
                   .gradient_scale = 1,
                   .learning_rate = 0.1,
                   .weight_decay = 0.01,
                   .step = 1,
                   .options = &options};
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
  options.beta2 = 1;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "beta2 is 1"));
  options.beta2 = (double)NAN;
  assert_int_equal(ddla_optimizer_check(&options), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_as_the_formula), cmocka_unit_test(same_bits_for_any_cut_and_isa),
      cmocka_unit_test(same_bits_in_place),  cmocka_unit_test(touches_its_span_only),
      cmocka_unit_test(sgd_by_hand),         cmocka_unit_test(adamw_by_hand),
      cmocka_unit_test(names_and_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
