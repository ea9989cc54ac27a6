/* Means along neighbouring dimensions. */
#include "backend/native/reduction.h"

#if DDLA_HAS_AVX512

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  ddla_reduction_forward(state, call, (double)state->form.each);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  ddla_reduction_backward(state, call, (double)state->form.each);
  return DDLA_OK;
}

#endif

const ddla_kernel ddla_kernel_native_reduce_mean = {.name = "native_reduce_mean",
                                                    .op = "reduce_mean",
                                                    .accepts = ddla_reduction_accepts,
#if DDLA_HAS_AVX512
                                                    .prepare = ddla_reduction_prepare,
                                                    .forward = forward,
                                                    .backward = backward,
                                                    .destroy = ddla_reduction_destroy
#endif
};
