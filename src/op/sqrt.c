/* Square root; NaN below 0. The gradient at 0 is infinite. */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  call->backward_reads_output[0] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) y[i] = sqrtf(x[i]);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *y = call->output[0].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) dx[i] += dy[i] / (2 * y[i]);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_op_sample_elementwise(index, call, 1);
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_op_fill_positive(&call->input[input], rng);
}

const ddla_op ddla_op_sqrt = {.name = "sqrt",
                              .math = "y = sqrt(x)",
                              .inputs = "x [...]",
                              .input_min = 1,
                              .input_max = 1,
                              .infer = infer,
                              .forward = forward,
                              .backward = backward,
                              .sample = sample,
                              .fill = fill};
