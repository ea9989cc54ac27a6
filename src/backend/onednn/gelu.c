/* Gaussian error linear unit, exact or by tanh; the gradient is taken from x. */
#include "backend/onednn/eltwise.h"

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  const bool by_tanh = ddla_attrs_int(&call->attrs, "tanh", 0, 0) == 1;
  const dnnl_alg_kind_t algorithm = by_tanh ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf;
  return ddla_onednn_eltwise_prepare(out, call, algorithm, algorithm, false);
}

DDLA_ONEDNN_ELTWISE_KERNEL(gelu)
