/* Rectified linear unit with a slope for negative numbers (Maas et al. 2013, "Rectifier
 * nonlinearities improve neural network acoustic models"). The gradient at 0 is that of negative
 * numbers, as in PyTorch; NaN stays NaN. */
#include "op/check.h"
#include "op/sample.h"

static float slope_of(const ddla_op_call *call) {
  return (float)ddla_attrs_real(&call->attrs, "slope", 0.01);
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  call->backward_reads_input[0] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const float slope = slope_of(call);
  for (int64_t i = 0; i < count; i++) y[i] = x[i] > 0 ? x[i] : slope * x[i];
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const float slope = slope_of(call);
  for (int64_t i = 0; i < count; i++) dx[i] += x[i] > 0 ? dy[i] : slope * dy[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  if (!ddla_op_sample_elementwise(index, call, 1)) return false;
  if (index % 2) ddla_attrs_set_real(&call->attrs, "slope", 0.5 - index);
  return true;
}

const ddla_op ddla_op_leaky_relu = {.name = "leaky_relu",
                                    .math = "y = x > 0 ? x : slope x",
                                    .inputs = "x [...]",
                                    .attrs = "slope=0.01",
                                    .input_min = 1,
                                    .input_max = 1,
                                    .infer = infer,
                                    .forward = forward,
                                    .backward = backward,
                                    .sample = sample,
                                    .fill = ddla_op_fill_inputs_apart};
