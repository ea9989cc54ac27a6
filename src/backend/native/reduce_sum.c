/* Sums along neighbouring dimensions. */
#include "backend/native/reduction.h"

#if DDLA_HAS_AVX512

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  ddla_reduction_forward(state, call, 1);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  ddla_reduction_backward(state, call, 1);
  return DDLA_OK;
}

#endif

const ddla_kernel ddla_kernel_native_reduce_sum = {.name = "native_reduce_sum",
                                                   .op = "reduce_sum",
                                                   .accepts = ddla_reduction_accepts,
#if DDLA_HAS_AVX512
                                                   .prepare = ddla_reduction_prepare,
                                                   .forward = forward,
                                                   .backward = backward,
                                                   .destroy = ddla_reduction_destroy
#endif
};
