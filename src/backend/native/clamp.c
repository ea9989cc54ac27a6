/* y = min(max(x, min), max), without jumps. */
#include "backend/native/stateless.h"
#include "backend/vector.h"

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_vector_clamp(
      call->output[0].data, call->input[0].data, (float)ddla_attrs_real(&call->attrs, "min", 0),
      (float)ddla_attrs_real(&call->attrs, "max", 1), ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  if (!call->input_grad[0].data) return DDLA_OK;
  const float limit[2] = {(float)ddla_attrs_real(&call->attrs, "min", 0),
                          (float)ddla_attrs_real(&call->attrs, "max", 1)};
  ddla_vector_between(call->input_grad[0].data, call->output_grad[0].data, call->input[0].data,
                      limit, ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

DDLA_STATELESS_KERNEL(clamp)
