/* Absolute value. The gradient at 0 is 0. */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  call->backward_reads_input[0] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) y[i] = fabsf(x[i]);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) dx[i] += x[i] > 0 ? dy[i] : x[i] < 0 ? -dy[i] : 0;
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_op_sample_elementwise(index, call, 1);
}

const ddla_op ddla_op_abs = {.name = "abs",
                             .math = "y = |x|",
                             .inputs = "x [...]",
                             .input_min = 1,
                             .input_max = 1,
                             .infer = infer,
                             .forward = forward,
                             .backward = backward,
                             .sample = sample,
                             .fill = ddla_op_fill_inputs_apart};
