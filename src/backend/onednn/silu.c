/* y = x / (1 + exp(-x)); the gradient is taken from x. */
#include "backend/onednn/eltwise.h"

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  return ddla_onednn_eltwise_prepare(out, call, dnnl_eltwise_swish, dnnl_eltwise_swish, false);
}

DDLA_ONEDNN_ELTWISE_KERNEL(silu)
