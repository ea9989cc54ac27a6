/* The check that anybody's op can go through: it accepts what is right and names what is wrong. And
 * such an op in a graph. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include <ddla/graph.h>

#include "backend/op_check.h"

/* y = x^2, and in what way it is wrong. */
typedef enum fault { NONE, GRADIENT, OVERWRITES, OUTSIDE, READS, INPUT, LEFTOVERS, UNEVEN } fault;

static fault wrong;

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, 2));
  ddla_op_set_output(call, 0, DDLA_F32, &call->input[0].shape);
  call->backward_reads_input[0] = wrong != READS;
  if (wrong == LEFTOVERS) call->scratch_bytes = sizeof(float);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  float *x = call->input[0].data, *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) y[i] = x[i] * x[i];
  if (wrong == OUTSIDE) y[count] = 3;
  if (wrong == INPUT) x[0] += 1;
  if (wrong == LEFTOVERS) y[0] += *(float *)call->scratch;
  if (wrong == UNEVEN && ((uintptr_t)x & 63) != 0) y[0] = nextafterf(y[0], 1e9F);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const float scale = wrong == GRADIENT ? 1.9F : 2;
  for (int64_t i = 0; i < ddla_shape_count(&call->input[0].shape); i++)
    dx[i] = scale * x[i] * dy[i] + (wrong == OVERWRITES ? 0 : dx[i]);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  static const int64_t shapes[][4] = {{1}, {3, 5}};
  (void)rng;
  if (index >= 2) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  return true;
}

static ddla_op square(void) {
  return (ddla_op){.name = "square",
                   .math = "y = x^2",
                   .inputs = "x [N] or [N,C]",
                   .input_min = 1,
                   .input_max = 1,
                   .infer = infer,
                   .forward = forward,
                   .backward = backward,
                   .sample = sample};
}

static void accepts_what_is_right(void **state) {
  (void)state;
  const ddla_op op = square();
  int cases = 0;
  wrong = NONE;
  ddla_status status = ddla_op_check(&cases, &op);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  assert_int_equal(cases, 2);
  assert_int_equal(ddla_op_check(NULL, &op), DDLA_OK);
}

static void names_what_is_computed_wrongly(void **state) {
  (void)state;
  static const char *const words[] = {
      [GRADIENT] = "finite difference",     [OVERWRITES] = "does not add",
      [OUTSIDE] = "were overwritten",       [READS] = "gradient of input 0 is",
      [INPUT] = "forward changed an input", [LEFTOVERS] = "output 0 is",
      [UNEVEN] = "differs in its bits"};
  const ddla_op op = square();
  for (wrong = GRADIENT; wrong <= UNEVEN; wrong++) {
    int cases = -1;
    ddla_status status = ddla_op_check(&cases, &op);
    assert_int_equal(status, DDLA_INTERNAL);
    assert_int_equal(cases, -1);
    if (!strstr(ddla_status_message(status), words[wrong]) ||
        strncmp(ddla_status_message(status), "op square, case 0: ", 19) != 0)
      fail_msg("for fault %d: %s", (int)wrong, ddla_status_message(status));
  }
}

static void refuse(ddla_op op, const char *words) {
  ddla_graph *graph = NULL;
  ddla_value x = 0, y = 77;
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(&x, graph, "x", DDLA_F32, &DDLA_SHAPE(1, 4)), DDLA_OK);
  assert_int_equal(ddla_graph_use(&y, graph, &op, &x, 1, NULL), DDLA_INVALID);
  if (!strstr(ddla_status_message(DDLA_INVALID), words))
    fail_msg("%s: %s", words, ddla_status_message(DDLA_INVALID));
  assert_int_equal(y, 77);
  assert_int_equal(ddla_op_check(NULL, &op), DDLA_INVALID);
  ddla_graph_destroy(graph);
}

static void refuses_rows_that_are_not_whole(void **state) {
  (void)state;
  ddla_op op = square();
  wrong = NONE;
  op.name = "relu", refuse(op, "as one of ddla's own is"), op = square();
  op.name = "", refuse(op, "no name"), op = square();
  op.name = NULL, refuse(op, "no name"), op = square();
  op.name = "x y", refuse(op, "'x y'"), op = square();
  op.infer = NULL, refuse(op, "no infer"), op = square();
  op.forward = NULL, refuse(op, "no forward"), op = square();
  op.inputs = NULL, refuse(op, "does not say its inputs"), op = square();
  op.math = NULL, refuse(op, "formula"), op = square();
  op.input_max = 9, refuse(op, "1 to 9 inputs"), op = square();
  op.input_min = 2, refuse(op, "2 to 1 inputs");
}

static void takes_part_in_a_graph(void **state) {
  (void)state;
  const ddla_op op = square();
  ddla_graph *graph = NULL;
  ddla_value x = 0, y = 0, image = 0;
  wrong = NONE;
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(&x, graph, "x", DDLA_F32, &DDLA_SHAPE(1, 4)), DDLA_OK);
  assert_int_equal(ddla_graph_input(&image, graph, "i", DDLA_F32, &DDLA_SHAPE(1, 4, 4)), DDLA_OK);
  assert_int_equal(ddla_graph_use(&y, graph, &op, &x, 1, NULL), DDLA_OK);
  const ddla_shape shape = ddla_graph_shape(graph, y);
  assert_true(ddla_shape_equal(&shape, &DDLA_SHAPE(1, 4)));
  assert_int_equal(ddla_graph_use(&y, graph, &op, &image, 1, NULL), DDLA_INVALID);
  assert_string_equal(ddla_status_message(DDLA_INVALID),
                      "square: input 0 has [1, 4, 4], but wanted is: x [N] or [N,C]");
  assert_int_equal(ddla_graph_op(&y, graph, "square", &x, 1, NULL), DDLA_INVALID);
  ddla_graph_destroy(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(accepts_what_is_right),
      cmocka_unit_test(names_what_is_computed_wrongly),
      cmocka_unit_test(refuses_rows_that_are_not_whole),
      cmocka_unit_test(takes_part_in_a_graph),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
