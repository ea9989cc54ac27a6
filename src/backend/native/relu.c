/* y = max(x, 0) and its gradient: one pass over memory each. */
#include "backend/kernel.h"
#include "backend/vector.h"

static bool accepts(const ddla_op_call *call) { return call->input[0].dtype == DDLA_F32; }

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  (void)call;
  *out = NULL;
  return DDLA_OK;
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_vector_relu(call->output[0].data, call->input[0].data, ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  if (call->input_grad[0].data)
    ddla_vector_mask(call->input_grad[0].data, call->output_grad[0].data, call->output[0].data,
                     ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *state) { (void)state; }

const ddla_kernel ddla_kernel_native_relu = {.name = "native_relu",
                                             .op = "relu",
                                             .accepts = accepts,
                                             .prepare = prepare,
                                             .forward = forward,
                                             .backward = backward,
                                             .destroy = destroy};
