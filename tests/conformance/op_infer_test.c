/* What ops refuse: every op's sample cases with one thing changed - a dimension, a format, a
 * missing input, an attribute. A changed call is refused with words that name the op, or it runs
 * within its memory. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/op_run.h"
#include "cases.h"

static ddla_status same_inference(const ddla_op_call *a, const ddla_op_call *b) {
  bool same = a->output_count == b->output_count && a->alias == b->alias &&
              a->saved_bytes == b->saved_bytes && a->scratch_bytes == b->scratch_bytes;
  for (int i = 0; i < a->output_count; i++)
    same &= ddla_shape_equal(&a->output[i].shape, &b->output[i].shape) &&
            a->output[i].dtype == b->output[i].dtype &&
            a->backward_reads_output[i] == b->backward_reads_output[i];
  for (int i = 0; i < a->input_count; i++)
    same &= a->backward_reads_input[i] == b->backward_reads_input[i];
  return same ? DDLA_OK : DDLA_FAIL(INTERNAL, "infer gives something else the second time");
}

/* infer once more over its own results, and over fields full of rubbish. */
static ddla_status check_repeatable(const ddla_op *op, int index) {
  ddla_op_case first = {0};
  DDLA_TRY(ddla_op_case_describe(&first, op, index, NULL));
  ddla_op_call again = first.call;
  DDLA_TRY(ddla_op_infer(&again));
  DDLA_TRY(same_inference(&first.call, &again));
  again.alias = 5;
  again.saved_bytes = again.scratch_bytes = 12345;
  memset(again.backward_reads_input, 1, sizeof again.backward_reads_input);
  memset(again.backward_reads_output, 1, sizeof again.backward_reads_output);
  again.output_count = 0;
  again.output[0] = (ddla_tensor){.dtype = DDLA_U8, .shape = DDLA_SHAPE(9, 9, 9)};
  DDLA_TRY(ddla_op_infer(&again));
  return same_inference(&first.call, &again);
}

static void infer_is_repeatable(void **state) {
  (void)state;
  for_each_case(check_repeatable);
}

/* The changed call must be refused as INVALID in words that begin with the op's name. */
static ddla_status must_refuse(ddla_op_call *call, const char *change) {
  ddla_status status = ddla_op_infer(call);
  if (status == DDLA_OK) return DDLA_FAIL(INTERNAL, "accepts %s", change);
  if (status != DDLA_INVALID) return status;
  const char *message = ddla_status_message(status);
  size_t length = strlen(call->op->name);
  if (strncmp(message, call->op->name, length) == 0 && message[length] == ':') return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "for %s the message does not name the op: %s", change, message);
}

static const int64_t impossible[] = {0, -1, INT64_MIN, INT64_MAX, INT64_C(1) << 60};

static ddla_status check_dimensions(const ddla_op *op, int index) {
  ddla_op_case op_case = {0};
  DDLA_TRY(ddla_op_case_describe(&op_case, op, index, NULL));
  for (int i = 0; i < op_case.call.input_count; i++)
    for (int d = 0; d < op_case.call.input[i].shape.rank; d++)
      for (size_t k = 0; k < sizeof impossible / sizeof impossible[0]; k++) {
        ddla_op_call call = op_case.call;
        call.input[i].shape.dim[d] = impossible[k];
        DDLA_TRY(must_refuse(&call, "an impossible dimension"));
      }
  return DDLA_OK;
}

static void impossible_dimensions_are_refused(void **state) {
  (void)state;
  for_each_case(check_dimensions);
}

static bool is_whole(ddla_dtype dtype) { return dtype == DDLA_I32 || dtype == DDLA_I64; }

static ddla_status check_inputs(const ddla_op *op, int index) {
  const bool either = strstr(op->inputs, "i32 or i64") != NULL;
  ddla_op_case op_case = {0};
  DDLA_TRY(ddla_op_case_describe(&op_case, op, index, NULL));
  for (int i = 0; i < op_case.call.input_count; i++) {
    if (!op_case.call.present[i]) continue;
    for (int dtype = 0; dtype <= DDLA_U8; dtype++) {
      ddla_op_call call = op_case.call;
      if (call.input[i].dtype == (ddla_dtype)dtype) continue;
      if (either && is_whole(call.input[i].dtype) && is_whole((ddla_dtype)dtype)) continue;
      call.input[i].dtype = (ddla_dtype)dtype;
      call.wants_grad[i] = false;
      DDLA_TRY(must_refuse(&call, "another number format"));
    }
    ddla_op_call call = op_case.call;
    call.present[i] = call.wants_grad[i] = false;
    if (i < op->input_min) DDLA_TRY(must_refuse(&call, "a missing input"));
  }
  ddla_op_call few = op_case.call, many = op_case.call;
  few.input_count = op->input_min - 1;
  DDLA_TRY(must_refuse(&few, "too few inputs"));
  many.input_count = op->input_max + 1;
  return must_refuse(&many, "too many inputs");
}

static void wrong_inputs_are_refused(void **state) {
  (void)state;
  for_each_case(check_inputs);
}

static bool is_small(const ddla_op_call *call) {
  size_t bytes = call->saved_bytes + call->scratch_bytes;
  for (int i = 0; i < call->input_count; i++)
    if (call->present[i]) bytes += ddla_op_case_bytes(&call->input[i]);
  for (int i = 0; i < call->output_count; i++) bytes += ddla_op_case_bytes(&call->output[i]);
  for (int i = 0; i < call->attrs.count; i++)
    for (int k = 0; k < call->attrs.item[i].count; k++)
      if (strcmp(call->attrs.item[i].name, "kernel") == 0 && call->attrs.item[i].integer[k] > 64)
        return false;
  return bytes < 200000;
}

/* A call that infer accepts runs within its memory (guards), however strange it looks. */
static ddla_status refuse_or_run(const ddla_op_call *changed) {
  ddla_op_run run = {.op_case.call = *changed, .kernel = ddla_op_run_reference()};
  if (ddla_op_infer(&run.op_case.call) != DDLA_OK) return must_refuse(&run.op_case.call, "");
  if (!is_small(&run.op_case.call)) return DDLA_OK;
  ddla_status status = ddla_op_case_allocate(&run.op_case);
  ddla_op_call *call = &run.op_case.call;
  if (status == DDLA_OK) status = run.kernel->forward(NULL, call);
  bool ran = status == DDLA_OK;
  bool wanted = false;
  for (int i = 0; i < call->input_count; i++) wanted |= call->wants_grad[i];
  if (ran && wanted) status = run.kernel->backward(NULL, call);
  if (status == DDLA_OK) status = ddla_op_case_check(&run.op_case);
  ddla_op_case_free(&run.op_case);
  return status == DDLA_INVALID && !ran ? DDLA_OK : status; /* a label out of range */
}

/* The case with one dimension of one input larger by one, or with one dimension more; how many of
 * these infer refuses is added to *refused. */
static ddla_status try_other_shapes(int *refused, const ddla_op *op, int index) {
  ddla_op_case op_case = {0};
  DDLA_TRY(ddla_op_case_describe(&op_case, op, index, NULL));
  for (int i = 0; i < op_case.call.input_count; i++) {
    for (int d = 0; d < op_case.call.input[i].shape.rank; d++) {
      ddla_op_call call = op_case.call;
      call.input[i].shape.dim[d]++;
      DDLA_TRY(refuse_or_run(&call));
      *refused += ddla_op_infer(&call) != DDLA_OK;
    }
    ddla_op_call call = op_case.call;
    ddla_shape *shape = &call.input[i].shape;
    if (shape->rank == DDLA_RANK_MAX) continue;
    shape->dim[shape->rank++] = 1;
    DDLA_TRY(refuse_or_run(&call));
    *refused += ddla_op_infer(&call) != DDLA_OK;
  }
  return DDLA_OK;
}

/* In one of its cases at least, an op of several inputs refuses shapes that do not fit together. */
static ddla_status check_other_shapes(const ddla_op *op, int index) {
  int refused = 0;
  if (index > 0) return DDLA_OK;
  for (int i = 0; i < ddla_op_case_count(op); i++) {
    ddla_status status = try_other_shapes(&refused, op, i);
    if (status != DDLA_OK) return ddla_status_prefix(status, "case %d: ", i);
  }
  if (op->input_min > 1 && refused == 0)
    return DDLA_FAIL(INTERNAL, "accepts inputs of any shapes beside each other");
  return DDLA_OK;
}

static void other_shapes_are_refused_or_run(void **state) {
  (void)state;
  for_each_case(check_other_shapes);
}

static const int64_t whole[] = {0,         1,        -1, 2, 3, 7, 8, -6, 1000000, INT64_C(1) << 40,
                                INT64_MIN, INT64_MAX};
static const double real[] = {0, 1, -1, 0.5, 0.999999, 1e30, -1e30};

static ddla_status try_whole(const ddla_op_call *sample, const char *name) {
  for (size_t a = 0; a < sizeof whole / sizeof whole[0]; a++)
    for (int count = 1; count <= DDLA_ATTR_VALUES_MAX; count++) {
      int64_t values[DDLA_ATTR_VALUES_MAX] = {whole[a], 1, 2, 3, 4, 5};
      ddla_op_call call = *sample;
      ddla_attrs_set_ints(&call.attrs, name, values, count);
      DDLA_TRY(refuse_or_run(&call));
    }
  return DDLA_OK;
}

static ddla_status try_attr(const ddla_op_call *sample, const char *name, bool is_real,
                            bool required) {
  for (size_t k = 0; is_real && k < sizeof real / sizeof real[0]; k++) {
    ddla_op_call call = *sample;
    ddla_attrs_set_real(&call.attrs, name, real[k]);
    DDLA_TRY(refuse_or_run(&call));
  }
  if (is_real) return DDLA_OK;
  ddla_op_call call = *sample;
  ddla_attrs_set_real(&call.attrs, name, 1.5);
  DDLA_TRY(must_refuse(&call, "a real number where whole ones belong"));
  call = *sample;
  for (int i = 0; required && i < call.attrs.count; i++)
    if (strcmp(call.attrs.item[i].name, name) == 0)
      call.attrs.item[i] = call.attrs.item[--call.attrs.count];
  if (required) DDLA_TRY(must_refuse(&call, "a call without a required attribute"));
  return try_whole(sample, name);
}

/* Every attribute of the row's line "kernel= stride=1 alpha=1.0" gets strange values. */
static ddla_status check_attrs(const ddla_op *op, int index) {
  if (ddla_op_run_cost(op, index) > 1e6) return DDLA_OK;
  ddla_op_case op_case = {0};
  DDLA_TRY(ddla_op_case_describe(&op_case, op, index, NULL));
  ddla_op_call call = op_case.call;
  ddla_attrs_set_int(&call.attrs, "colour", 1);
  DDLA_TRY(must_refuse(&call, "an unknown attribute"));
  const char *at = op->attrs ? op->attrs : "";
  char name[32], value[32];
  for (int used = 0; sscanf(at, " %31[^=]=%n", name, &used) == 1; at += strlen(value)) {
    at += used;
    value[0] = '\0';
    if (*at != ' ') sscanf(at, "%31s", value);
    DDLA_TRY(try_attr(&op_case.call, name, strchr(value, '.') != NULL, value[0] == '\0'));
  }
  return DDLA_OK;
}

static void strange_attributes_are_refused_or_run(void **state) {
  (void)state;
  for_each_case(check_attrs);
}

/* What is fp64 is a loss, and its sum and count are scalars; every shape fits its gradients. */
static ddla_status check_gradients(const ddla_op *op, int index) {
  ddla_op_case op_case = {0};
  DDLA_TRY(ddla_op_case_describe(&op_case, op, index, NULL));
  const ddla_op_call *call = &op_case.call;
  for (int i = 0; i < call->input_count; i++)
    if (!ddla_shape_equal(&call->input[i].shape, &call->input_grad[i].shape) ||
        call->input[i].dtype != call->input_grad[i].dtype)
      return DDLA_FAIL(INTERNAL, "the gradient of input %d has another shape or format", i);
  for (int i = 0; i < call->output_count; i++)
    if (!ddla_shape_equal(&call->output[i].shape, &call->output_grad[i].shape))
      return DDLA_FAIL(INTERNAL, "the gradient of output %d has another shape", i);
  bool is_loss = call->output[0].dtype == DDLA_F64;
  if (is_loss && (call->output[0].shape.rank != 0 || call->output[1].shape.rank != 0))
    return DDLA_FAIL(INTERNAL, "a loss must be f64 []");
  return DDLA_OK;
}

static void gradients_have_the_shapes_of_their_tensors(void **state) {
  (void)state;
  for_each_case(check_gradients);
}

/* Without training nothing is kept for a backward that never comes. */
static ddla_status check_inference(const ddla_op *op, int index) {
  ddla_op_case op_case = {0};
  DDLA_TRY(ddla_op_case_describe(&op_case, op, index, &(ddla_op_case_options){.inference = true}));
  bool reads = op_case.call.saved_bytes > 0;
  for (int i = 0; i < op_case.call.input_count; i++) reads |= op_case.call.backward_reads_input[i];
  for (int i = 0; i < op_case.call.output_count; i++)
    reads |= op_case.call.backward_reads_output[i];
  return reads ? DDLA_FAIL(INTERNAL, "keeps something for backward without training") : DDLA_OK;
}

static void inference_keeps_nothing(void **state) {
  (void)state;
  for_each_case(check_inference);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(infer_is_repeatable),
      cmocka_unit_test(impossible_dimensions_are_refused),
      cmocka_unit_test(wrong_inputs_are_refused),
      cmocka_unit_test(other_shapes_are_refused_or_run),
      cmocka_unit_test(strange_attributes_are_refused_or_run),
      cmocka_unit_test(inference_keeps_nothing),
      cmocka_unit_test(gradients_have_the_shapes_of_their_tensors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
