/* Rectified linear unit. The gradient at 0 is 0. */
#include "op/op.h"

static ddla_status infer(ddla_op_call *call) {
  if (call->input_count != 1) return DDLA_FAIL(INVALID, "takes one input");
  call->output_count = 1;
  call->output[0].dtype = DDLA_F32;
  call->output[0].shape = call->input[0].shape;
  call->backward_reads_output[0] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) y[i] = x[i] > 0 ? x[i] : 0;
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *y = call->output[0].data, *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++)
    if (y[i] > 0) dx[i] += dy[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][2] = {{1, 1}, {3, 17}, {16, 128}};
  if (index >= 3) return false;
  *call = (ddla_op_call){.op = call->op, .input_count = 1, .present = {true}};
  call->input[0] = (ddla_tensor){.shape = ddla_shape_make(2, shapes[index])};
  return true;
}

const ddla_op ddla_op_relu = {.name = "relu",
                              .math = "y = max(x, 0)",
                              .inputs = "x [...]",
                              .infer = infer,
                              .forward = forward,
                              .backward = backward,
                              .sample = sample};
