/* Tensors joined along one axis. */
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

static bool joins(const ddla_shape *a, const ddla_shape *b, int axis) {
  bool fits = a->rank == b->rank;
  for (int i = 0; fits && i < a->rank; i++) fits = i == axis || a->dim[i] == b->dim[i];
  return fits;
}

static ddla_status infer(ddla_op_call *call) {
  int axis = 0;
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  ddla_shape y = call->input[0].shape;
  DDLA_TRY(ddla_op_axis(&axis, call, y.rank));
  for (int i = 1; i < call->input_count; i++) {
    if (!call->present[i]) return DDLA_FAIL(INVALID, "input %d is missing", i);
    DDLA_TRY(ddla_op_check_input(call, i, DDLA_F32, 1, DDLA_RANK_MAX));
    const ddla_shape *x = &call->input[i].shape;
    if (!joins(&y, x, axis)) {
      char text[2][96];
      return DDLA_FAIL(INVALID,
                       "input 0 has %s but input %d has %s; they may differ in axis %d only",
                       ddla_shape_text(text[0], sizeof text[0], &call->input[0].shape), i,
                       ddla_shape_text(text[1], sizeof text[1], x), axis);
    }
    y.dim[axis] += x->dim[axis];
  }
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  return DDLA_OK;
}

/* Elements that are contiguous in input and output: from the axis on. */
static int64_t run_of(const ddla_op_call *call, const ddla_tensor *tensor) {
  int64_t axis = ddla_attrs_int(&call->attrs, "axis", 0, 0);
  int rank = tensor->shape.rank;
  return ddla_shape_span(&tensor->shape, (int)(axis < 0 ? axis + rank : axis), rank);
}

static ddla_status forward(const ddla_op_call *call) {
  const int64_t y_run = run_of(call, &call->output[0]);
  float *y = call->output[0].data;
  for (int i = 0; i < call->input_count; i++) {
    const int64_t run = run_of(call, &call->input[i]);
    const int64_t rows = ddla_shape_count(&call->input[i].shape) / run;
    const float *x = call->input[i].data;
    for (int64_t r = 0; r < rows; r++) memcpy(y + r * y_run, x + r * run, (size_t)run * sizeof *y);
    y += run;
  }
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const int64_t y_run = run_of(call, &call->output[0]);
  const float *dy = call->output_grad[0].data;
  for (int i = 0; i < call->input_count; i++) {
    const int64_t run = run_of(call, &call->input[i]);
    const int64_t rows = ddla_shape_count(&call->input[i].shape) / run;
    float *dx = call->input_grad[i].data;
    for (int64_t r = 0; dx && r < rows; r++)
      for (int64_t k = 0; k < run; k++) dx[r * run + k] += dy[r * y_run + k];
    dy += run;
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int inputs;
    int64_t axis, x[4];
  } rows[] = {{2, 0, {1}},        {2, 1, {3, 5}},    {3, 0, {2, 7}},
              {4, -1, {2, 3, 5}}, {8, 1, {2, 1, 3}}, {2, 3, {16, 14, 14, 64}}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  ddla_op_sample_start(call, row->inputs);
  for (int i = 0; i < row->inputs; i++) {
    ddla_op_sample_input(call, i, DDLA_F32, row->x);
    ddla_shape *x = &call->input[i].shape;
    x->dim[row->axis < 0 ? row->axis + x->rank : row->axis] += i; /* each another size */
  }
  ddla_attrs_set_int(&call->attrs, "axis", row->axis);
  return true;
}

const ddla_op ddla_op_concat = {.name = "concat",
                                .math = "y = the inputs one after another along the axis",
                                .inputs = "2 to 8 x [...], equal but for the axis",
                                .attrs = "axis=",
                                .input_min = 2,
                                .input_max = DDLA_OP_INPUTS_MAX,
                                .infer = infer,
                                .forward = forward,
                                .backward = backward,
                                .sample = sample};
