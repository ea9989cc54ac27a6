/* Updates by row against PyTorch 2.15's SparseAdam and SGD on sparse gradients: its numbers after
 * five steps, and in all rows that a step does not touch equal versions of the state. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "sync/sum/row_sums.h"

enum { ROWS = 6, WIDTH = 2, STEPS = 5, TABLE = DDLA_STATE_BLOCK, COUNT = ROWS * WIDTH };

typedef struct table {
  ddla_sync_options options;
  ddla_cluster cluster;
  ddla_updates *updates;
  void *memory;
} table;

/* Rows that each step touches; -1: no more. */
static const int touched[STEPS][4] = {
    {0, 2, 5, -1}, {2, 3, -1}, {0, 2, -1}, {5, -1}, {1, 2, 5, -1}};

static float gradient_at(int step, int row, int column) {
  return 0.5F * (float)((step * 7 + row * 5 + column * 3) % 11) - 2.0F;
}

static int add_row(ddla_state *state, const char *name, ddla_state_row row) {
  int out = -1;
  row.name = name;
  if (row.copies == 0) row.copies = 1;
  assert_int_equal(ddla_state_add(&out, state, &row), DDLA_OK);
  return out;
}

static void open_table(table *t, const char *optimizer, double momentum, int workers) {
  ddla_sync_options *o = &t->options;
  const ddla_state_range range = {.name = "table",
                                  .shape = DDLA_SHAPE(ROWS, WIDTH),
                                  .offset = TABLE,
                                  .count = COUNT,
                                  .touched_max = ROWS};
  t->cluster = ddla_cluster_single(workers);
  *o = (ddla_sync_options){.cluster = &t->cluster,
                           .lanes = 1,
                           .shards = 1,
                           .row_norms = -1,
                           .checks = -1,
                           .average = -1,
                           .factors = -1,
                           .moment = {-1, -1, -1},
                           .optimizer = ddla_optimizer_find(optimizer),
                           .optimizer_options = ddla_optimizer_defaults(),
                           .weight_decay = 0.5}; /* which rows do not get */
  o->optimizer_options.beta2 = 0.99;
  o->optimizer_options.momentum = momentum;
  assert_int_equal(ddla_state_create(&o->state, TABLE + COUNT, &range, 1), DDLA_OK);
  const ddla_state_row whole = {.versions = 2, .parameter_shaped = true};
  const int64_t numbers = ddla_state_list_numbers(o->state),
                values = ddla_state_list_values(o->state);
  assert_int_equal(values, COUNT);
  o->theta = add_row(o->state, "theta", whole);
  for (int m = 0; m < ddla_optimizer_moments(o->optimizer, &o->optimizer_options); m++)
    o->moment[m] = add_row(o->state, m ? "second" : "first", whole);
  o->lists[0] = add_row(o->state, "rows",
                        (ddla_state_row){.dtype = DDLA_I64, .count = numbers, .versions = 1});
  o->lists[1] = add_row(o->state, "values", (ddla_state_row){.count = values, .versions = 1});
  o->sums[0] = add_row(
      o->state, "sums",
      (ddla_state_row){.dtype = DDLA_I64, .count = numbers, .versions = 2, .copies = workers});
  o->sums[1] = add_row(o->state, "sum values",
                       (ddla_state_row){.count = values, .versions = 1, .copies = workers});
  assert_non_null(t->memory = ddla_alloc_array(1, ddla_state_bytes(o->state)));
  ddla_state_bind(o->state, t->memory);
  for (uint64_t version = 0; version < 2; version++)
    for (int i = 0; i < COUNT; i++)
      ((float *)ddla_state_array(o->state, o->theta, version, 0))[TABLE + i] =
          (float)i * 0.25F - 1.0F;
  assert_int_equal(ddla_updates_create(&t->updates, o), DDLA_OK);
}

static void close_table(table *t) {
  ddla_updates_destroy(t->updates);
  ddla_state_destroy(t->options.state);
  ddla_free(t->memory);
}

static void take_step(table *t, int step, double scale) {
  const ddla_tree_part part = {0, 1};
  const bool absent = false;
  const int copy = 0;
  const ddla_row_operands operands = {&part, &absent, &copy, 1, 1};
  const ddla_update_step how = {(uint64_t)step, 1 / scale, 0.1};
  const ddla_rows list = ddla_state_list(t->options.state, 0, t->options.lists, 0, 0);
  *list.count = 0;
  for (; touched[step][*list.count] >= 0; ++*list.count) {
    const int row = touched[step][*list.count];
    list.row[*list.count] = row;
    for (int c = 0; c < WIDTH; c++)
      list.value[*list.count * WIDTH + c] = (float)scale * gradient_at(step, row, c);
  }
  assert_int_equal(ddla_row_sums_make(&t->options, 0, (uint64_t)step, &operands), DDLA_OK);
  ddla_row_sums_apply(&t->options, t->updates, 0, &operands, &how);
}

static const float *array(const table *t, int row, int step) {
  return (const float *)ddla_state_array(t->options.state, row, (uint64_t)step, 0) + TABLE;
}

static bool touches(int step, int row) {
  for (int i = 0; touched[step][i] >= 0; i++)
    if (touched[step][i] == row) return true;
  return false;
}

static void expect_equal_versions(const table *t, int step) {
  const int rows[] = {t->options.theta, t->options.moment[0], t->options.moment[1]};
  for (int i = 0; i < 3; i++)
    for (int row = 0; row < ROWS && rows[i] >= 0; row++)
      if (!touches(step, row))
        assert_memory_equal(array(t, rows[i], step) + row * WIDTH,
                            array(t, rows[i], step + 1) + row * WIDTH, WIDTH * sizeof(float));
}

static void expect_near(const float *found, const double *wanted) {
  for (int i = 0; i < COUNT; i++)
    if (fabs((double)found[i] - wanted[i]) > 2e-6)
      fail_msg("element %d is %.8g, not %.8g", i, (double)found[i], wanted[i]);
}

static void adamw_is_sparse_adam(void **state) {
  (void)state;
  static const double theta[COUNT] = {-0.8287142, -0.6813155, -0.4459398, -0.1959398,
                                      -0.2747514, 0.2004244,  0.574246,   0.824246,
                                      1,          1.25,       1.651322,   1.584388};
  static const double mean[COUNT] = {-0.23, 0.055, -0.2, -0.05, 0.2597, 0.3746,
                                     -0.2,  -0.05, 0,    0,     0.1195, -0.024};
  static const double square[COUNT] = {0.0421, 0.012475, 0.04, 0.0025, 0.1095279,  0.1134342,
                                       0.04,   0.0025,   0,    0,      0.07485025, 0.034776};
  table t = {0};
  open_table(&t, "adamw", 0, 1);
  for (int step = 0; step < STEPS; step++) {
    take_step(&t, step, 4);
    expect_equal_versions(&t, step);
  }
  expect_near(array(&t, t.options.theta, STEPS), theta);
  expect_near(array(&t, t.options.moment[0], STEPS), mean);
  expect_near(array(&t, t.options.moment[1], STEPS), square);
  close_table(&t);
}

static void sgd_by_row(void **state) {
  (void)state;
  static const double theta[COUNT] = {-0.75, -0.8, -0.3, -0.2, -0.35, -0.15,
                                      0.7,   0.8,  1,    1.25, 1.4,   1.75};
  table t = {0};
  open_table(&t, "sgd", 0, 1);
  for (int step = 0; step < STEPS; step++) {
    take_step(&t, step, 1);
    expect_equal_versions(&t, step);
  }
  expect_near(array(&t, t.options.theta, STEPS), theta);
  close_table(&t);
}

/* m of a row moves where the row is touched: PyTorch has no such momentum. */
static void momentum_stays_where_nothing_is_touched(void **state) {
  (void)state;
  double theta[COUNT], moment[COUNT] = {0};
  table t = {0};
  for (int i = 0; i < COUNT; i++) theta[i] = i * 0.25 - 1;
  open_table(&t, "sgd", 0.5, 1);
  for (int step = 0; step < STEPS; step++) {
    take_step(&t, step, 1);
    expect_equal_versions(&t, step);
    for (int i = 0; i < COUNT; i++) {
      if (!touches(step, i / WIDTH)) continue;
      moment[i] = 0.5 * moment[i] + (double)gradient_at(step, i / WIDTH, i % WIDTH);
      theta[i] -= 0.1 * moment[i];
    }
  }
  expect_near(array(&t, t.options.theta, STEPS), theta);
  expect_near(array(&t, t.options.moment[0], STEPS), moment);
  close_table(&t);
}

/* Three of six rows are touched, all of them low: each of three workers has one. */
static void workers_have_equally_many_rows(void **state) {
  (void)state;
  const ddla_tree_part part = {0, 1};
  const bool absent = false;
  const int copy = 0;
  const ddla_row_operands operands = {&part, &absent, &copy, 1, 1};
  table t = {0};
  open_table(&t, "sgd", 0, 3);
  const ddla_rows list = ddla_state_list(t.options.state, 0, t.options.lists, 0, 0);
  *list.count = 3;
  for (int row = 0; row < 3; row++) list.row[row] = row;
  for (int w = 0; w < 3; w++) {
    assert_int_equal(ddla_row_sums_make(&t.options, w, 0, &operands), DDLA_OK);
    const ddla_rows sum = ddla_state_list(t.options.state, 0, t.options.sums, 1, w);
    assert_int_equal(*sum.count, 1);
    assert_int_equal(sum.row[0], w);
  }
  close_table(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(adamw_is_sparse_adam),
                                     cmocka_unit_test(sgd_by_row),
                                     cmocka_unit_test(momentum_stays_where_nothing_is_touched),
                                     cmocka_unit_test(workers_have_equally_many_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
