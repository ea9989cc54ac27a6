/* The op's own plain loops, for every call. Backward clears the gradients first, as the reference
 * adds. At bf16 the same loops run on rounded operands: the state then is that of plain/rounded.h.
 */
#include <string.h>

#include "backend/kernel.h"
#include "backend/plain/rounded.h"

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return true;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  if (ddla_op_rounds(call)) return ddla_rounded_prepare(out, call, &ddla_kernel_plain_reference);
  *out = NULL;
  return DDLA_OK;
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  return state ? ddla_rounded_forward(state, call) : call->op->forward(call);
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  if (state) return ddla_rounded_backward(state, call);
  for (int i = 0; i < call->input_count; i++) {
    const ddla_tensor *grad = &call->input_grad[i];
    if (!grad->data) continue;
    memset(grad->data, 0, (size_t)ddla_shape_count(&grad->shape) * ddla_dtype_bytes(grad->dtype));
  }
  return call->op->backward(call);
}

static void destroy(ddla_kernel_state *state) { ddla_rounded_destroy(state); }

const ddla_kernel ddla_kernel_plain_reference = {.name = "reference",
                                                 .op = NULL,
                                                 .bf16 = true,
                                                 .accepts = accepts,
                                                 .prepare = prepare,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .destroy = destroy};
