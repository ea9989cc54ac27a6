/* y = a b, element by element; da = dy b, db = dy a. */
#include "backend/native/stateless.h"
#include "backend/vector.h"

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_vector_product(call->output[0].data, call->input[0].data, call->input[1].data,
                      ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  for (int i = 0; i < 2; i++)
    if (call->input_grad[i].data)
      ddla_vector_product(call->input_grad[i].data, call->output_grad[0].data,
                          call->input[1 - i].data, ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

DDLA_STATELESS_KERNEL(mul)
