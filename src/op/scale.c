/* Product with a constant. */
#include "op/check.h"
#include "op/sample.h"

static float alpha_of(const ddla_op_call *call) {
  return (float)ddla_attrs_real(&call->attrs, "alpha", 1);
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const float alpha = alpha_of(call);
  for (int64_t i = 0; i < count; i++) y[i] = alpha * x[i];
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const float alpha = alpha_of(call);
  for (int64_t i = 0; i < count; i++) dx[i] += alpha * dy[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  if (!ddla_op_sample_elementwise(index, call, 1)) return false;
  ddla_attrs_set_real(&call->attrs, "alpha", 1.75 - index);
  return true;
}

const ddla_op ddla_op_scale = {.name = "scale",
                               .math = "y = alpha x",
                               .inputs = "x [...]",
                               .attrs = "alpha=1.0",
                               .input_min = 1,
                               .input_max = 1,
                               .infer = ddla_op_infer_elementwise,
                               .forward = forward,
                               .backward = backward,
                               .sample = sample};
