/* The gradient of a table by row against the dense one, bit for bit: one embedding and two of the
 * same table, overwritten and added to; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "graph/plan.h"
#include "state/state.h"

enum { BATCH = 3, ROWS = 60, WIDTH = 5, LENGTH = 4, CLASSES = 3, MOST = ROWS };

typedef struct model {
  ddla_graph *graph;
  ddla_value index[2], label, table, loss;
  ddla_plan *plan;
  void *arena;
  float *theta, *gradients;
  int64_t count, row[MOST];
  float value[MOST * WIDTH];
  ddla_rows rows[8];                            /* by parameter */
  int64_t last_final, finals, count_when_final; /* count_when_final: of the list, at the first 0 */
} model;

static void well(ddla_status status) {
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
}

static ddla_value parameter(ddla_graph *graph, const char *name, ddla_shape shape) {
  ddla_value out = 0;
  well(ddla_graph_parameter(&out, graph, name, &shape, &(ddla_init){DDLA_INIT_UNIFORM, 0.5}));
  return out;
}

/* Logits from the sum of one or two embeddings; a last table that no loss depends on. */
static void build(model *m, bool sparse, bool twice, bool positions) {
  ddla_value x[2], input[3] = {0}, out[2];
  const ddla_shape index = DDLA_SHAPE(1, LENGTH), label = DDLA_SHAPE(1);
  well(ddla_graph_create(&m->graph));
  well(ddla_graph_input(&m->index[0], m->graph, "a", DDLA_I32, &index));
  well(ddla_graph_input(&m->index[1], m->graph, "b", DDLA_I64, &index));
  well(ddla_graph_input(&m->label, m->graph, "label", DDLA_I32, &label));
  m->table = parameter(m->graph, "table", DDLA_SHAPE(ROWS, WIDTH));
  input[1] = m->table;
  if (positions) input[2] = parameter(m->graph, "places", DDLA_SHAPE(LENGTH, WIDTH));
  if (sparse) well(ddla_graph_sparse(m->graph, m->table));
  for (int i = 0; i < 2; i++) {
    input[0] = m->index[i];
    well(ddla_graph_op(&x[i], m->graph, "embedding", input, positions ? 3 : 2, NULL));
  }
  if (twice) well(ddla_graph_op(&x[0], m->graph, "add", x, 2, NULL));
  well(ddla_layer_flatten(&x[0], m->graph, x[0]));
  well(ddla_layer_linear(&x[0], m->graph, "linear", x[0], CLASSES));
  x[1] = m->label;
  well(ddla_graph_op(out, m->graph, "cross_entropy", x, 2, NULL));
  m->loss = out[0];
}

static void start(model *m, const char *kernel) {
  const ddla_plan_options options = {
      .batch = BATCH, .training = true, .loss = m->loss, .kernel = kernel};
  const int64_t space = ddla_graph_space(m->graph);
  well(ddla_plan_create(&m->plan, m->graph, &options));
  m->arena = ddla_alloc_array(1, ddla_plan_arena_bytes(m->plan));
  ddla_plan_bind(m->plan, m->arena);
  well(DDLA_NEW(m->theta, space));
  well(DDLA_NEW(m->gradients, space));
  ddla_graph_initialise(m->graph, 1, m->theta);
  m->rows[m->graph->value[m->table].parameter] = (ddla_rows){
      .width = WIDTH, .capacity = MOST, .count = &m->count, .row = m->row, .value = m->value};
}

static void end(model *m) {
  ddla_plan_destroy(m->plan);
  ddla_graph_destroy(m->graph);
  ddla_free(m->arena);
  ddla_free(m->theta);
  ddla_free(m->gradients);
}

static void on_final(void *argument, int64_t from) {
  model *m = argument;
  if (from == 0 && m->last_final != 0) m->count_when_final = m->count;
  m->last_final = from;
  m->finals++;
}

/* One run on samples number `which`. */
static void run(model *m, int which, bool accumulate) {
  int32_t *a = ddla_plan_value(m->plan, m->index[0]).data;
  int64_t *b = ddla_plan_value(m->plan, m->index[1]).data;
  int32_t *label = ddla_plan_value(m->plan, m->label).data;
  for (int i = 0; i < BATCH * LENGTH; i++) {
    a[i] = (i * i + 7 * which) % 20;
    b[i] = (i * 3 + which) % 40 + 19;
  }
  for (int i = 0; i < BATCH; i++) label[i] = (i + which) % CLASSES;
  well(ddla_plan_execute(m->plan, &(ddla_plan_run){.parameters = m->theta,
                                                   .gradients = m->gradients,
                                                   .rows = m->rows,
                                                   .accumulate = accumulate,
                                                   .final = on_final,
                                                   .final_argument = m}));
}

/* The list holds the rows of the dense gradient that are not zero, and the other parameters'
 * gradients are the same. */
static void compare(const model *dense, const model *sparse) {
  int64_t place = 0;
  for (int p = 0; p < dense->graph->parameter_count; p++) {
    const ddla_graph_parameter_row *row = &dense->graph->parameter[p];
    const float *wanted = dense->gradients + row->offset;
    if (row->value != dense->table) {
      assert_memory_equal(wanted, sparse->gradients + sparse->graph->parameter[p].offset,
                          (size_t)row->count * sizeof *wanted);
      continue;
    }
    for (int64_t r = 0; r < ROWS; r++) {
      bool zero = true;
      for (int c = 0; c < WIDTH; c++) zero &= wanted[r * WIDTH + c] == 0;
      if (zero) continue;
      assert_int_equal(sparse->row[place], r);
      assert_memory_equal(sparse->value + place++ * WIDTH, wanted + r * WIDTH,
                          WIDTH * sizeof *wanted);
    }
  }
  assert_int_equal(place, sparse->count);
  assert_true(place > 5 && place < ROWS);
}

static void rows_are_those_of_the_dense_gradient(void **state) {
  (void)state;
  for (int i = 0; i < 8; i++) {
    model dense = {0}, sparse = {0};
    build(&dense, false, i & 1, i & 2);
    build(&sparse, true, i & 1, i & 2);
    start(&dense, i & 4 ? "reference" : NULL);
    start(&sparse, i & 4 ? "reference" : NULL);
    /* The initial values follow from the parameter's number, not from its place. */
    for (int p = 0; p < dense.graph->parameter_count; p++)
      assert_memory_equal(dense.theta + dense.graph->parameter[p].offset,
                          sparse.theta + sparse.graph->parameter[p].offset,
                          (size_t)dense.graph->parameter[p].count * sizeof(float));
    for (int which = 0; which < 3; which++) {
      run(&dense, which, which == 2);
      run(&sparse, which, which == 2);
      compare(&dense, &sparse);
    }
    assert_int_equal(sparse.last_final, 0);
    end(&dense);
    end(&sparse);
  }
}

/* The table lies at a block's border behind all others. */
static void the_table_lies_last(void **state) {
  (void)state;
  model m = {0};
  build(&m, true, true, true);
  const ddla_graph_parameter_row *table = &m.graph->parameter[0];
  assert_int_equal(m.graph->dense, DDLA_STATE_BLOCK);
  assert_int_equal(table->offset, DDLA_STATE_BLOCK);
  assert_int_equal(m.graph->parameter[1].offset, 0);
  assert_true(ddla_graph_space(m.graph) >= DDLA_STATE_BLOCK + ROWS * WIDTH);
  end(&m);
}

static void lists_are_final_at_the_very_end(void **state) {
  (void)state;
  model m = {.count = -1, .last_final = -1};
  build(&m, true, true, false); /* all other parameters are final before the embeddings */
  start(&m, NULL);
  run(&m, 0, false);
  assert_true(m.finals > 1);
  assert_int_equal(m.last_final, 0);
  assert_true(m.count_when_final > 0);
  assert_int_equal(m.count_when_final, m.count);
  end(&m);
}

/* A table that the loss does not depend on has an empty list. */
static void nothing_is_touched_where_nothing_is_read(void **state) {
  (void)state;
  model m = {.count = 7};
  ddla_value x[2], out[2];
  build(&m, false, false, false);
  const ddla_value table = parameter(m.graph, "other", DDLA_SHAPE(ROWS, WIDTH));
  well(ddla_graph_sparse(m.graph, table));
  x[0] = m.index[0], x[1] = table;
  well(ddla_graph_op(out, m.graph, "embedding", x, 2, NULL));
  m.table = table;
  start(&m, NULL);
  run(&m, 0, true);
  assert_int_equal(m.count, 7);
  run(&m, 0, false);
  assert_int_equal(m.count, 0);
  end(&m);
}

static void other_readers_are_refused(void **state) {
  (void)state;
  model m = {0};
  ddla_value x[2], out[2];
  build(&m, true, false, false);
  const ddla_plan_options options = {.batch = BATCH, .training = true, .loss = m.loss};
  x[0] = x[1] = m.table;
  well(ddla_graph_op(out, m.graph, "add", x, 2, NULL));
  assert_int_equal(ddla_plan_create(&m.plan, m.graph, &options), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "table has a sparse gradient"));
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "add"));
  assert_int_equal(ddla_graph_sparse(m.graph, m.index[0]), DDLA_INVALID);
  const ddla_value vector = parameter(m.graph, "vector", DDLA_SHAPE(ROWS));
  assert_int_equal(ddla_graph_sparse(m.graph, vector), DDLA_INVALID);
  end(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_those_of_the_dense_gradient),
                                     cmocka_unit_test(the_table_lies_last),
                                     cmocka_unit_test(lists_are_final_at_the_very_end),
                                     cmocka_unit_test(nothing_is_touched_where_nothing_is_read),
                                     cmocka_unit_test(other_readers_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
