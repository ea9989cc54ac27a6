/* Gradients of whole graphs against finite differences, and what must not change a bit: rewrites,
 * the arena, and adding to gradients that are there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "graph/plan.h"

enum { BATCH = 3, EDGE = 6, CLASSES = 4, SPACE_MAX = 4096 };

typedef struct test_model {
  ddla_graph *graph;
  ddla_value loss;
} test_model;

static ddla_value parameter(ddla_graph *graph, const char *name, ddla_shape shape) {
  ddla_value out = 0;
  const ddla_init init = {DDLA_INIT_UNIFORM, 0.5};
  assert_int_equal(ddla_graph_parameter(&out, graph, name, &shape, &init), DDLA_OK);
  return out;
}

static ddla_value apply(ddla_graph *graph, const char *op, ddla_value a, ddla_value b, ddla_value c,
                        const ddla_attrs *attrs) {
  ddla_value out[2] = {0}, in[3] = {a, b, c};
  int count = c != DDLA_NO_VALUE ? 3 : b != DDLA_NO_VALUE ? 2 : 1;
  ddla_status status = ddla_graph_op(out, graph, op, in, count, attrs);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  return out[0];
}

static ddla_attrs one_attr(const char *name, int64_t value) {
  ddla_attrs attrs = {0};
  ddla_attrs_set_int(&attrs, name, value);
  return attrs;
}

/* conv, relu, pool, dropout, a linear layer used twice, a residual sum and a reshape: every kind of
 * step occurs. */
static test_model make_model(void) {
  ddla_graph *graph = NULL;
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  ddla_value image = 0, key = 0, label = 0;
  assert_int_equal(
      ddla_graph_input(&image, graph, "image", DDLA_F32, &DDLA_SHAPE(1, EDGE, EDGE, 2)), 0);
  assert_int_equal(ddla_graph_input(&key, graph, "key", DDLA_I64, &DDLA_SHAPE(1)), 0);
  assert_int_equal(ddla_graph_input(&label, graph, "label", DDLA_I32, &DDLA_SHAPE(1)), 0);
  ddla_attrs pad = one_attr("padding", 1), window = one_attr("kernel", 2),
             drop = one_attr("stream", 1);
  ddla_attrs_set_real(&drop, "p", 0.25);
  ddla_attrs flat = {0};
  ddla_attrs_set_ints(&flat, "shape", (int64_t[]){0, -1}, 2);
  ddla_value x = apply(graph, "conv2d", image, parameter(graph, "c.weight", DDLA_SHAPE(3, 2, 3, 3)),
                       parameter(graph, "c.bias", DDLA_SHAPE(3)), &pad);
  x = apply(graph, "relu", x, -1, -1, NULL);
  x = apply(graph, "max_pool", x, -1, -1, &window);
  x = apply(graph, "reshape", x, -1, -1, &flat);
  x = apply(graph, "dropout", x, key, -1, &drop);
  ddla_value tied = parameter(graph, "tied.weight", DDLA_SHAPE(27, 27));
  ddla_value y = apply(graph, "linear", x, tied, -1, NULL);
  y = apply(graph, "relu", y, -1, -1, NULL);
  y = apply(graph, "linear", y, tied, -1, NULL);
  ddla_value unused = parameter(graph, "unused", DDLA_SHAPE(5));
  (void)unused;
  y = apply(graph, "linear", y, parameter(graph, "out.weight", DDLA_SHAPE(CLASSES, 27)),
            parameter(graph, "out.bias", DDLA_SHAPE(CLASSES)), NULL);
  assert_int_equal(ddla_graph_output(graph, "logits", y), DDLA_OK);
  test_model made = {graph, apply(graph, "cross_entropy", y, label, -1, NULL)};
  assert_int_equal(ddla_graph_output(graph, "loss", made.loss), DDLA_OK);
  return made;
}

typedef struct test_machine {
  ddla_plan *plan;
  void *arena;
} test_machine;

static test_machine make_machine(const test_model *model, bool plain, const char *kernel) {
  test_machine made = {0};
  ddla_plan_options options = {
      .batch = BATCH, .training = true, .loss = model->loss, .plain = plain, .kernel = kernel};
  ddla_status status = ddla_plan_create(&made.plan, model->graph, &options);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  made.arena = ddla_alloc_array(1, ddla_plan_arena_bytes(made.plan));
  ddla_plan_bind(made.plan, made.arena);
  return made;
}

static void destroy_machine(test_machine *machine) {
  ddla_plan_destroy(machine->plan);
  ddla_free(machine->arena);
}

static void feed(const test_model *model, const test_machine *machine) {
  ddla_rng rng = ddla_rng_make(7);
  ddla_tensor image = ddla_plan_value(machine->plan, ddla_graph_find(model->graph, "image"));
  for (int64_t i = 0; i < ddla_shape_count(&image.shape); i++)
    ((float *)image.data)[i] = ddla_rng_normal(&rng);
  for (int64_t n = 0; n < BATCH; n++) {
    ((int64_t *)ddla_plan_value(machine->plan, ddla_graph_find(model->graph, "key")).data)[n] =
        1000 + n;
    ((int32_t *)ddla_plan_value(machine->plan, ddla_graph_find(model->graph, "label")).data)[n] =
        (int32_t)n;
  }
}

static double run(const test_model *model, const test_machine *machine, const float *theta,
                  float *gradients, bool accumulate) {
  feed(model, machine);
  ddla_plan_run run = {.parameters = theta, .gradients = gradients, .accumulate = accumulate};
  assert_int_equal(ddla_plan_execute(machine->plan, &run), DDLA_OK);
  return *(double *)ddla_plan_value(machine->plan, model->loss).data;
}

static void gradients_match_finite_differences(void **state) {
  (void)state;
  test_model model = make_model();
  test_machine machine = make_machine(&model, false, "reference");
  static float theta[SPACE_MAX], gradients[SPACE_MAX], scratch[SPACE_MAX];
  assert_true(ddla_graph_space(model.graph) <= SPACE_MAX);
  ddla_graph_initialise(model.graph, 3, theta);
  memset(gradients, 0x7f, sizeof gradients);
  run(&model, &machine, theta, gradients, false);
  for (int p = 0; p < model.graph->parameter_count; p++) {
    const ddla_graph_parameter_row *row = &model.graph->parameter[p];
    for (int64_t i = row->offset; i < row->offset + row->count; i += 5) {
      float kept = theta[i];
      theta[i] = kept + 1e-3F;
      double above = run(&model, &machine, theta, scratch, false);
      theta[i] = kept - 1e-3F;
      double below = run(&model, &machine, theta, scratch, false);
      theta[i] = kept;
      double expected = (above - below) / 2e-3;
      if (fabs(expected - (double)gradients[i]) > 2e-2 * (1 + fabs(expected)))
        fail_msg("%s element %d: %g expected, %g found", row->name, (int)(i - row->offset),
                 expected, (double)gradients[i]);
    }
  }
  destroy_machine(&machine);
  ddla_graph_destroy(model.graph);
}

static void rewrites_keep_every_bit(void **state) {
  (void)state;
  test_model model = make_model();
  static float theta[SPACE_MAX], fast[SPACE_MAX], slow[SPACE_MAX];
  ddla_graph_initialise(model.graph, 4, theta);
  test_machine plain = make_machine(&model, true, "reference"),
               rewritten = make_machine(&model, false, "reference");
  assert_true(ddla_plan_step_count(rewritten.plan) < ddla_plan_step_count(plain.plan));
  double a = run(&model, &plain, theta, slow, false),
         b = run(&model, &rewritten, theta, fast, false);
  assert_true(a == b);
  assert_memory_equal(slow, fast, (size_t)ddla_graph_space(model.graph) * sizeof(float));
  destroy_machine(&plain);
  destroy_machine(&rewritten);
  ddla_graph_destroy(model.graph);
}

enum { NORMS = 3 };

/* Two convolutions with batch norm, one behind the other, the second with a shortcut that has batch
 * norm too and is read twice. */
static test_model make_norm_model(void) {
  ddla_graph *graph = NULL;
  ddla_value image = 0, label = 0, x = 0, sum[2] = {0};
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  assert_int_equal(
      ddla_graph_input(&image, graph, "image", DDLA_F32, &DDLA_SHAPE(1, EDGE, EDGE, 2)), 0);
  assert_int_equal(ddla_graph_input(&label, graph, "label", DDLA_I32, &DDLA_SHAPE(1)), 0);
  for (int i = 0; i < NORMS; i++) {
    char name[DDLA_NAME_BYTES];
    ddla_value in[5] = {0}, made[2] = {0};
    snprintf(name, sizeof name, "c%d.weight", i);
    ddla_attrs pad = one_attr("padding", i < 2);
    ddla_shape shape = i < 2 ? DDLA_SHAPE(CLASSES, i ? CLASSES : 2, 3, 3) : DDLA_SHAPE(4, 2, 1, 1);
    in[0] = apply(graph, "conv2d", i == 1 ? x : image, parameter(graph, name, shape), -1, &pad);
    for (int k = 1; k < 5; k++) {
      snprintf(name, sizeof name, "n%d.%d", i, k);
      const ddla_init init = {k < 3 ? DDLA_INIT_UNIFORM : DDLA_INIT_ONES, 0.5};
      shape = DDLA_SHAPE(CLASSES);
      ddla_status status = k < 3 ? ddla_graph_parameter(&in[k], graph, name, &shape, &init)
                                 : ddla_graph_buffer(&in[k], graph, name, &shape, &init);
      assert_int_equal(status, DDLA_OK);
    }
    assert_int_equal(ddla_graph_op(made, graph, "batch_norm", in, 5, NULL), DDLA_OK);
    assert_int_equal(ddla_graph_statistic(graph, made[1], in[3], in[4], 0.1), DDLA_OK);
    x = made[0];
    if (i == 0) x = apply(graph, "relu", x, -1, -1, NULL);
    else sum[i - 1] = x;
  }
  x = apply(graph, "relu", apply(graph, "add", sum[0], sum[1], -1, NULL), -1, -1, NULL);
  x = apply(graph, "global_average_pool", apply(graph, "add", x, sum[1], -1, NULL), -1, -1, NULL);
  assert_int_equal(ddla_graph_output(graph, "logits", x), DDLA_OK);
  test_model made = {graph, apply(graph, "cross_entropy", x, label, -1, NULL)};
  assert_int_equal(ddla_graph_output(graph, "loss", made.loss), DDLA_OK);
  return made;
}

static double run_norms(const test_model *model, const test_machine *machine, float *gradients) {
  static float theta[SPACE_MAX], buffers[SPACE_MAX];
  ddla_rng rng = ddla_rng_make(8);
  ddla_graph_initialise(model->graph, 4, theta);
  ddla_graph_initialise_buffers(model->graph, 4, buffers);
  ddla_tensor image = ddla_plan_value(machine->plan, ddla_graph_find(model->graph, "image"));
  for (int64_t i = 0; i < ddla_shape_count(&image.shape); i++)
    ((float *)image.data)[i] = ddla_rng_normal(&rng);
  for (int64_t n = 0; n < BATCH; n++)
    ((int32_t *)ddla_plan_value(machine->plan, ddla_graph_find(model->graph, "label")).data)[n] =
        (int32_t)n;
  ddla_plan_run run = {.parameters = theta, .buffers = buffers, .gradients = gradients};
  assert_int_equal(ddla_plan_execute(machine->plan, &run), DDLA_OK);
  return *(double *)ddla_plan_value(machine->plan, model->loss).data;
}

/* Sums and relus that join a batch norm, by its reference and by its fast kernel. */
static void joining_batch_norm_keeps_every_bit(void **state) {
  (void)state;
  static const char *const kernels[] = {"reference", NULL};
  test_model model = make_norm_model();
  static float fast[SPACE_MAX], slow[SPACE_MAX];
  for (int k = 0; k < 2; k++) {
    test_machine plain = make_machine(&model, true, kernels[k]),
                 rewritten = make_machine(&model, false, kernels[k]);
    assert_int_equal(ddla_plan_step_count(plain.plan) - ddla_plan_step_count(rewritten.plan) >= 6,
                     1);
    double a = run_norms(&model, &plain, slow), b = run_norms(&model, &rewritten, fast);
    assert_true(a == b);
    assert_memory_equal(slow, fast, (size_t)ddla_graph_space(model.graph) * sizeof(float));
    for (int i = 0; i < NORMS; i++) {
      ddla_tensor left = ddla_plan_value(plain.plan, model.graph->statistic[i].record),
                  right = ddla_plan_value(rewritten.plan, model.graph->statistic[i].record);
      assert_memory_equal(left.data, right.data, (1 + 2 * CLASSES) * sizeof(double));
      assert_true(((double *)left.data)[0] == BATCH * EDGE * EDGE);
    }
    destroy_machine(&plain);
    destroy_machine(&rewritten);
  }
  ddla_graph_destroy(model.graph);
}

/* What is added must be the bits of a separate computation, so that a pair of shards sums alike on
 * any agent. */
static void adding_equals_computing_apart(void **state) {
  (void)state;
  test_model model = make_model();
  static float theta[SPACE_MAX], apart[SPACE_MAX], sum[SPACE_MAX];
  ddla_graph_initialise(model.graph, 5, theta);
  test_machine machine = make_machine(&model, false, NULL);
  int64_t space = ddla_graph_space(model.graph);
  run(&model, &machine, theta, apart, false);
  for (int64_t i = 0; i < space; i++) sum[i] = (float)i * 0.37F;
  run(&model, &machine, theta, sum, true);
  for (int p = 0; p < model.graph->parameter_count; p++) {
    const ddla_graph_parameter_row *row = &model.graph->parameter[p];
    for (int64_t i = row->offset; i < row->offset + row->count; i++)
      assert_true(sum[i] == (float)i * 0.37F + apart[i]);
  }
  destroy_machine(&machine);
  ddla_graph_destroy(model.graph);
}

/* A model that sees its input by another shape first. */
static test_model make_flat_model(void) {
  ddla_graph *graph = NULL;
  ddla_value image = 0, key = 0, label = 0;
  ddla_attrs flat = {0};
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  assert_int_equal(
      ddla_graph_input(&image, graph, "image", DDLA_F32, &DDLA_SHAPE(1, EDGE, EDGE, 2)), 0);
  assert_int_equal(ddla_graph_input(&key, graph, "key", DDLA_I64, &DDLA_SHAPE(1)), 0);
  assert_int_equal(ddla_graph_input(&label, graph, "label", DDLA_I32, &DDLA_SHAPE(1)), 0);
  ddla_attrs_set_ints(&flat, "shape", (int64_t[]){0, -1}, 2);
  ddla_value y = apply(graph, "reshape", image, -1, -1, &flat);
  y = apply(graph, "linear", y,
            parameter(graph, "out.weight", DDLA_SHAPE(CLASSES, EDGE * EDGE * 2)), -1, NULL);
  assert_int_equal(ddla_graph_output(graph, "logits", y), DDLA_OK);
  test_model made = {graph, apply(graph, "cross_entropy", y, label, -1, NULL)};
  assert_int_equal(ddla_graph_output(graph, "loss", made.loss), DDLA_OK);
  return made;
}

static double run_as_it_is(const test_model *model, const test_machine *machine, float *gradients) {
  static float theta[SPACE_MAX];
  ddla_graph_initialise(model->graph, 5, theta);
  const ddla_plan_run run = {.parameters = theta, .gradients = gradients};
  assert_int_equal(ddla_plan_execute(machine->plan, &run), DDLA_OK);
  return *(double *)ddla_plan_value(machine->plan, model->loss).data;
}

/* What the arena holds in an input's place does not matter while another memory is lent. */
static void check_lent(test_model model) {
  static float own[SPACE_MAX], lent[SPACE_MAX];
  const size_t bytes = (size_t)ddla_graph_space(model.graph) * sizeof(float);
  const ddla_value image = ddla_graph_find(model.graph, "image");
  test_machine machine = make_machine(&model, false, NULL);
  feed(&model, &machine);
  const double loss = run_as_it_is(&model, &machine, own);
  const ddla_tensor in_arena = ddla_plan_value(machine.plan, image);
  const size_t input_bytes = (size_t)ddla_shape_count(&in_arena.shape) * sizeof(float);
  float *other = ddla_alloc_array(1, input_bytes);
  memcpy(other, in_arena.data, input_bytes);
  memset(in_arena.data, 0, input_bytes);
  ddla_plan_lend(machine.plan, image, other);
  assert_ptr_equal(ddla_plan_value(machine.plan, image).data, other);
  assert_true(run_as_it_is(&model, &machine, lent) == loss);
  assert_memory_equal(own, lent, bytes);
  ddla_plan_bind(machine.plan, machine.arena); /* an arena that moves takes nothing back */
  assert_true(run_as_it_is(&model, &machine, lent) == loss);
  ddla_plan_lend(machine.plan, image, NULL);
  assert_ptr_equal(ddla_plan_value(machine.plan, image).data, in_arena.data);
  assert_true(run_as_it_is(&model, &machine, lent) != loss);
  destroy_machine(&machine);
  ddla_free(other);
  ddla_graph_destroy(model.graph);
}

static void inputs_may_lie_elsewhere(void **state) {
  (void)state;
  check_lent(make_model());
  check_lent(make_flat_model());
}

typedef struct finals {
  int64_t last;
  int calls;
  bool descending;
} finals;

static void note_final(void *argument, int64_t from) {
  finals *seen = argument;
  seen->descending = seen->descending && (seen->calls == 0 || from < seen->last);
  seen->last = from;
  seen->calls++;
}

static void ranges_become_final_from_the_top_down(void **state) {
  (void)state;
  test_model model = make_model();
  static float theta[SPACE_MAX], gradients[SPACE_MAX];
  test_machine machine = make_machine(&model, false, NULL);
  feed(&model, &machine);
  finals seen = {.descending = true};
  ddla_plan_run arguments = {
      .parameters = theta, .gradients = gradients, .final = note_final, .final_argument = &seen};
  assert_int_equal(ddla_plan_execute(machine.plan, &arguments), DDLA_OK);
  assert_true(seen.descending);
  assert_true(seen.calls >= 3);
  assert_int_equal(seen.last, 0);
  destroy_machine(&machine);
  ddla_graph_destroy(model.graph);
}

/* The two largest outputs of a linear layer, twice: as top_k's values, or once picked by its
 * places.
 */
static void gradients_of_chosen(float gradients[64], bool by_place) {
  test_model model = {0};
  ddla_value x = 0, target = 0, chosen[2] = {0};
  ddla_attrs two = one_attr("k", 2), shared = one_attr("batch", 1);
  assert_int_equal(ddla_graph_create(&model.graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(&x, model.graph, "x", DDLA_F32, &DDLA_SHAPE(1, 5)), 0);
  assert_int_equal(ddla_graph_input(&target, model.graph, "target", DDLA_F32, &DDLA_SHAPE(1, 2)),
                   0);
  const ddla_value weight = parameter(model.graph, "weight", DDLA_SHAPE(6, 5));
  const ddla_value y = apply(model.graph, "linear", x, weight, -1, NULL);
  assert_int_equal(ddla_graph_op(chosen, model.graph, "top_k", &y, 1, &two), DDLA_OK);
  ddla_value other = by_place ? apply(model.graph, "gather", y, chosen[1], -1, &shared) : chosen[0];
  other = apply(model.graph, "add", chosen[0], other, -1, NULL);
  model.loss = apply(model.graph, "mean_squared_error", other, target, -1, NULL);
  float theta[64];
  ddla_graph_initialise(model.graph, 3, theta);
  test_machine machine = make_machine(&model, false, NULL);
  float *in[] = {ddla_plan_value(machine.plan, x).data, ddla_plan_value(machine.plan, target).data};
  for (int i = 0; i < 5 * BATCH; i++) in[0][i] = sinf((float)i);
  for (int i = 0; i < 2 * BATCH; i++) in[1][i] = cosf((float)i);
  const ddla_plan_run run = {.parameters = theta, .gradients = gradients};
  assert_int_equal(ddla_plan_execute(machine.plan, &run), DDLA_OK);
  destroy_machine(&machine);
  ddla_graph_destroy(model.graph);
}

static void whole_numbers_have_no_gradient(void **state) {
  (void)state;
  float by_value[64] = {0}, by_place[64] = {0};
  gradients_of_chosen(by_value, false);
  gradients_of_chosen(by_place, true);
  float largest = 0;
  for (int i = 0; i < 30; i++) largest = fmaxf(largest, fabsf(by_value[i]));
  assert_true(largest > 0.01F);
  assert_memory_equal(by_value, by_place, sizeof by_value);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_match_finite_differences),
                                     cmocka_unit_test(rewrites_keep_every_bit),
                                     cmocka_unit_test(joining_batch_norm_keeps_every_bit),
                                     cmocka_unit_test(adding_equals_computing_apart),
                                     cmocka_unit_test(inputs_may_lie_elsewhere),
                                     cmocka_unit_test(ranges_become_final_from_the_top_down),
                                     cmocka_unit_test(whole_numbers_have_no_gradient)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
