/* y = x > 0 ? x : slope x, without jumps. */
#include "backend/native/stateless.h"
#include "backend/vector.h"

static float slope_of(const ddla_op_call *call) {
  return (float)ddla_attrs_real(&call->attrs, "slope", 0.01);
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_vector_leak(call->output[0].data, call->input[0].data, call->input[0].data, slope_of(call),
                   ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  if (!call->input_grad[0].data) return DDLA_OK;
  ddla_vector_leak(call->input_grad[0].data, call->output_grad[0].data, call->input[0].data,
                   slope_of(call), ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

DDLA_STATELESS_KERNEL(leaky_relu)
