/* y = max(x, 0) and its gradient: one pass over memory each. */
#include "backend/native/stateless.h"
#include "backend/vector.h"

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_vector_relu(call->output[0].data, call->input[0].data,
                   ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  if (call->input_grad[0].data)
    ddla_vector_mask(call->input_grad[0].data, call->output_grad[0].data, call->output[0].data,
                     ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

DDLA_STATELESS_KERNEL(relu)
