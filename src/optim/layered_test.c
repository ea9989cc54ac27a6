/* Layered optimizers on one tensor: against their formulas in double, by hand, and the bits of any
 * share of factors and any instruction set. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "optim/norm.h"
#include "optim/optimizer.h"

enum { COUNT_MAX = 6300, STEPS = 6, SECTIONS_MAX = 3 };

typedef struct tensor_run {
  float theta[2][COUNT_MAX], moment[2][2][COUNT_MAX], factors[2][COUNT_MAX + 1],
      gradient[COUNT_MAX];
} tensor_run;

/* What a run is like; the tensor lies `lead` elements behind a block's border. */
typedef struct shape_case {
  int64_t rows, columns, lead;
  double rate, decay;
  int shares; /* of factors */
  ddla_isa isa;
} shape_case;

static int64_t count_of(const shape_case *c) { return c->rows * (c->columns > 0 ? c->columns : 1); }

static void start(tensor_run *r, const shape_case *c) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(11, DDLA_PURPOSE_TEST, 0, 0));
  memset(r, 0, sizeof *r);
  for (int64_t i = 0; i < count_of(c); i++) r->theta[0][i] = ddla_rng_normal(&rng);
}

static void draw(float *gradient, int64_t count, int64_t step) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(11, DDLA_PURPOSE_TEST, 1, (uint64_t)step));
  for (int64_t i = 0; i < count; i++)
    gradient[i] = (i % 13 == 0 ? 1e-3f : 20) * ddla_rng_normal(&rng);
}

static ddla_update whole(tensor_run *r, const shape_case *c, const ddla_optimizer_options *options,
                         int64_t step) {
  int from = (int)((step + 1) % 2);
  return (ddla_update){.count = count_of(c),
                       .gradient = r->gradient,
                       .theta = r->theta[from],
                       .theta_next = r->theta[!from],
                       .moment = {r->moment[0][from], r->moment[1][from]},
                       .moment_next = {r->moment[0][!from], r->moment[1][!from]},
                       .gradient_scale = 1.0 / 24,
                       .learning_rate = c->rate,
                       .weight_decay = c->decay,
                       .step = step,
                       .options = options,
                       .isa = c->isa};
}

static int cut(ddla_update sections[SECTIONS_MAX], const ddla_update *u, int64_t lead) {
  int count = 0;
  for (int64_t at = 0, end = 0; at < u->count; at = end, count++) {
    end = (lead + at) / DDLA_NORM_BLOCK * DDLA_NORM_BLOCK + DDLA_NORM_BLOCK - lead;
    if (end > u->count) end = u->count;
    ddla_update *section = &sections[count];
    *section = *u;
    section->count = end - at;
    section->at = at;
    section->gradient += at;
    section->theta += at;
    section->theta_next += at;
    for (int m = 0; m < 2; m++) {
      section->moment[m] += at;
      section->moment_next[m] += at;
    }
  }
  return count;
}

static void share_factors(const ddla_optimizer *optimizer, const ddla_update *u, int shares) {
  int64_t items = u->tensor->rows + u->tensor->columns;
  if (!optimizer->factor) return;
  for (int i = shares - 1; i >= 0; i--)
    optimizer->factor(u, items * i / shares, items * (i + 1) / shares);
}

static void step_once(tensor_run *r, const shape_case *c, const ddla_optimizer *optimizer,
                      const ddla_optimizer_options *options, int64_t step) {
  int from = (int)((step + 1) % 2);
  ddla_update_tensor tensor = {.count = count_of(c),
                               .rows = c->rows,
                               .columns = c->columns,
                               .factors = r->factors[from],
                               .factors_next = r->factors[!from]};
  ddla_update u = whole(r, c, options, step), section[SECTIONS_MAX];
  double sums[SECTIONS_MAX][DDLA_SUMS_MAX] = {{0}};
  u.tensor = &tensor;
  share_factors(optimizer, &u, c->shares);
  for (int64_t i = 0; i < c->rows; i++) tensor.row_mean += (double)tensor.factors_next[i];
  tensor.row_mean /= (double)c->rows;
  int sections = cut(section, &u, c->lead);
  for (int i = sections - 1; i >= 0; i--) {
    section[i].sums = sums[i];
    optimizer->direction(&section[i]);
  }
  for (int s = 0; s < DDLA_SUMS_MAX; s++)
    for (int i = 0; i < sections; i++) tensor.sums[s] += sums[i][s];
  for (int i = 0; i < sections; i++) optimizer->apply(&section[i]);
}

static void run(tensor_run *r, const shape_case *c, const char *name,
                const ddla_optimizer_options *options) {
  start(r, c);
  for (int64_t step = 1; step <= STEPS; step++) {
    draw(r->gradient, count_of(c), step);
    step_once(r, c, ddla_optimizer_find(name), options, step);
  }
}

/* The algorithms of the papers and of PyTorch's documentation in double. */
typedef struct double_run {
  double theta[COUNT_MAX], moment[2][COUNT_MAX], direction[COUNT_MAX], rows[COUNT_MAX],
      columns[COUNT_MAX];
} double_run;

static double norm_of(const double *values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += values[i] * values[i];
  return sqrt(sum);
}

static void lamb_double(double_run *d, const float *gradient, const shape_case *c,
                        const ddla_optimizer_options *o, int64_t step) {
  int64_t count = count_of(c);
  for (int64_t i = 0; i < count; i++) {
    double g = (double)gradient[i] / 24;
    d->moment[0][i] = o->beta1 * d->moment[0][i] + (1 - o->beta1) * g;
    d->moment[1][i] = o->beta2 * d->moment[1][i] + (1 - o->beta2) * g * g;
    double mean = d->moment[0][i] / (1 - pow(o->beta1, (double)step));
    double square = d->moment[1][i] / (1 - pow(o->beta2, (double)step));
    d->direction[i] = mean / (sqrt(square) + o->epsilon) + c->decay * d->theta[i];
  }
  double ratio = c->columns > 0 ? norm_of(d->theta, count) / norm_of(d->direction, count) : 1;
  for (int64_t i = 0; i < count; i++) d->theta[i] -= c->rate * ratio * d->direction[i];
}

/* Second moments by row and column, or by element of a vector. */
static void adafactor_moments(double_run *d, const float *gradient, const shape_case *c,
                              double fresh) {
  for (int64_t r = 0; r < c->rows; r++) {
    double sum = 0;
    int64_t columns = c->columns > 0 ? c->columns : 1;
    for (int64_t k = 0; k < columns; k++) sum += pow((double)gradient[r * columns + k] / 24, 2);
    d->rows[r] += fresh * (sum / (double)columns - d->rows[r]);
  }
  for (int64_t k = 0; k < c->columns; k++) {
    double sum = 0;
    for (int64_t r = 0; r < c->rows; r++) sum += pow((double)gradient[r * c->columns + k] / 24, 2);
    d->columns[k] += fresh * (sum / (double)c->rows - d->columns[k]);
  }
}

static void adafactor_double(double_run *d, const float *gradient, const shape_case *c,
                             const ddla_optimizer_options *o, int64_t step) {
  int64_t count = count_of(c);
  double root = sqrt((double)count), mean = 0;
  adafactor_moments(d, gradient, c, pow((double)step, -0.8));
  for (int64_t r = 0; r < c->rows; r++) mean += d->rows[r] / (double)c->rows;
  for (int64_t i = 0; i < count; i++) {
    double v = c->columns > 0
                   ? d->rows[i / c->columns] * d->columns[i % c->columns] / fmax(mean, o->epsilon)
                   : d->rows[i];
    d->direction[i] = (double)gradient[i] / 24 / sqrt(fmax(v, o->epsilon * o->epsilon));
  }
  double rate =
      fmin(c->rate, 1 / sqrt((double)step)) * fmax(o->least_scale, norm_of(d->theta, count) / root);
  rate /= fmax(1, norm_of(d->direction, count) / root / o->clip_update);
  for (int64_t i = 0; i < count; i++)
    d->theta[i] = d->theta[i] * (1 - c->rate * c->decay) - rate * d->direction[i];
}

static tensor_run got, other;
static double_run expected;

static const ddla_optimizer_options variants[] = {
    {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip_update = 1, .least_scale = 1e-3},
    {.beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3, .clip_update = 0.3, .least_scale = 3},
};

static const shape_case cases[] = {
    {.rows = 70, .columns = 90, .lead = 48, .rate = 0.01, .decay = 0.1, .shares = 1},
    {.rows = 1, .columns = 6300, .lead = 4000, .rate = 0.01, .shares = 1},
    {.rows = 2100, .columns = 3, .rate = 0.5, .decay = 0.01, .shares = 1},
    {.rows = 4500, .columns = 0, .rate = 0.05, .shares = 1},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void check_formula(const char *name, const shape_case *c, const ddla_optimizer_options *o) {
  start(&got, c);
  memset(&expected, 0, sizeof expected);
  for (int64_t i = 0; i < count_of(c); i++) expected.theta[i] = (double)got.theta[0][i];
  for (int64_t step = 1; step <= STEPS; step++) {
    draw(got.gradient, count_of(c), step);
    if (name[0] == 'l') lamb_double(&expected, got.gradient, c, o, step);
    else adafactor_double(&expected, got.gradient, c, o, step);
  }
  run(&got, c, name, o);
  double tolerance = 2e-6 * fmax(1, 10 * c->rate);
  for (int64_t i = 0; i < count_of(c); i++) {
    double difference = fabs((double)got.theta[STEPS % 2][i] - expected.theta[i]);
    if (difference > tolerance * fmax(1, fabs(expected.theta[i])))
      fail_msg("%s, %d x %d: element %d is %g, not %g", name, (int)c->rows, (int)c->columns, (int)i,
               (double)got.theta[STEPS % 2][i], expected.theta[i]);
  }
}

static void same_as_the_formulas(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++)
    for (int v = 0; v < 2; v++) {
      check_formula("lamb", &cases[i], &variants[v]);
      check_formula("adafactor", &cases[i], &variants[v]);
    }
}

static void same_bits_for_any_share_and_isa(void **state) {
  (void)state;
  static const char *const names[] = {"lamb", "adafactor"};
  static const int shares[] = {1, 2, 3, 7, 64};
  for (int i = 0; i < CASES * 2; i++) {
    shape_case c = cases[i / 2];
    c.isa = DDLA_ISA_plain;
    run(&got, &c, names[i % 2], &variants[0]);
    for (int isa = DDLA_ISA_BEST; isa < DDLA_ISA_END; isa++) {
      if (!ddla_isa_present((ddla_isa)isa)) continue;
      for (int s = 0; s < 5; s++) {
        c.isa = (ddla_isa)isa;
        c.shares = shares[s];
        run(&other, &c, names[i % 2], &variants[0]);
        assert_memory_equal(&got, &other, sizeof got);
      }
    }
  }
}

/* Theta (3, 4), length 5. The first step of Adam is the gradient's sign, (1, -1), length sqrt 2:
 * the step is rate * 5 / sqrt 2 * (1, -1). A vector moves by the rate. */
static void lamb_by_hand(void **state) {
  (void)state;
  const shape_case matrix = {.rows = 1, .columns = 2, .rate = 0.1, .shares = 1};
  const shape_case vector = {.rows = 2, .rate = 0.1, .shares = 1};
  const ddla_optimizer_options o = {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-12};
  for (int i = 0; i < 2; i++) {
    const double step = i == 0 ? 0.5 / sqrt(2) : 0.1;
    memset(&got, 0, sizeof got);
    got.theta[0][0] = 3;
    got.theta[0][1] = 4;
    got.gradient[0] = 48;
    got.gradient[1] = -12;
    step_once(&got, i == 0 ? &matrix : &vector, ddla_optimizer_find("lamb"), &o, 1);
    assert_true(fabs((double)got.theta[1][0] - (3 - step)) < 1e-6);
    assert_true(fabs((double)got.theta[1][1] - (4 + step)) < 1e-6);
  }
  memset(&got.theta, 0, sizeof got.theta); /* nothing to be in proportion to */
  step_once(&got, &matrix, ddla_optimizer_find("lamb"), &o, 1);
  assert_true(fabs((double)got.theta[1][0] + 0.1) < 1e-6);
}

/* Gradient [[1, 2], [2, 4]], of rank 1: squares have row means 2.5 and 10, column means 2.5 and 10,
 * mean of rows 6.25, so V = squares and U = 1 everywhere. Theta 2 everywhere: the step is rate * 2.
 * A direction of 1 above clip_update 0.5 is halved; theta 0 counts as least_scale. */
static void adafactor_by_hand(void **state) {
  (void)state;
  const shape_case c = {.rows = 2, .columns = 2, .rate = 0.125, .shares = 1};
  ddla_optimizer_options o = {.epsilon = 1e-9, .clip_update = 1, .least_scale = 0.001};
  const double steps[] = {0.25, 0.125, 0.125 * 0.5 * 0.001};
  for (int i = 0; i < 3; i++) {
    memset(&got, 0, sizeof got);
    for (int k = 0; k < 4; k++) {
      got.gradient[k] = (float)(24 * (1 + k / 2) * (1 + k % 2));
      got.theta[0][k] = i < 2 ? 2 : 0;
    }
    o.clip_update = i == 0 ? 1 : 0.5;
    step_once(&got, &c, ddla_optimizer_find("adafactor"), &o, 1);
    for (int k = 0; k < 4; k++)
      assert_true(fabs((double)got.theta[0][k] - (double)got.theta[1][k] - steps[i]) < 1e-6);
    const float factors[] = {2.5f, 10, 2.5f, 10};
    for (int k = 0; k < 4; k++) assert_true(fabsf(got.factors[1][k] - factors[k]) < 1e-5f);
  }
}

/* A tensor whose gradient is zero stays where it is, and nothing becomes a NaN. */
static void no_gradient_no_step(void **state) {
  (void)state;
  static const char *const names[] = {"lamb", "adafactor"};
  for (int i = 0; i < CASES * 2; i++) {
    shape_case c = cases[i / 2];
    c.decay = 0;
    start(&got, &c);
    step_once(&got, &c, ddla_optimizer_find(names[i % 2]), &variants[0], 1);
    assert_memory_equal(got.theta[0], got.theta[1], sizeof got.theta[0]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_as_the_formulas), cmocka_unit_test(same_bits_for_any_share_and_isa),
      cmocka_unit_test(lamb_by_hand),         cmocka_unit_test(adafactor_by_hand),
      cmocka_unit_test(no_gradient_no_step),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
