/* y = tanh(x); the gradient is taken from y. */
#include "backend/onednn/eltwise.h"

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  return ddla_onednn_eltwise_prepare(out, call, dnnl_eltwise_tanh,
                                     dnnl_eltwise_tanh_use_dst_for_bwd, true);
}

DDLA_ONEDNN_ELTWISE_KERNEL(tanh)
