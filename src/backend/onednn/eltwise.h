/* Functions of one element through oneDNN's eltwise, for gelu, silu, tanh and sigmoid. */
#ifndef DDLA_BACKEND_ONEDNN_ELTWISE_H
#define DDLA_BACKEND_ONEDNN_ELTWISE_H

#include "backend/onednn/primitive.h"

/* Prepares y = f(x) and, where wanted, dx = dy f'. from_output: backward is the form that reads y,
 * not x. */
ddla_status ddla_onednn_eltwise_prepare(ddla_kernel_state **out, ddla_op_call *call,
                                        dnnl_alg_kind_t forward, dnnl_alg_kind_t backward,
                                        bool from_output);

/* The other slots of a kernel so prepared. */
bool ddla_onednn_eltwise_accepts(const ddla_op_call *call);
ddla_status ddla_onednn_eltwise_forward(ddla_kernel_state *state, const ddla_op_call *call);
ddla_status ddla_onednn_eltwise_backward(ddla_kernel_state *state, const ddla_op_call *call);
void ddla_onednn_eltwise_destroy(ddla_kernel_state *state);

/* The row of a kernel whose prepare stands above it. */
#define DDLA_ONEDNN_ELTWISE_KERNEL(function)                                                       \
  const ddla_kernel ddla_kernel_onednn_##function = {.name = "onednn_" #function,                  \
                                                     .op = #function,                              \
                                                     .accepts = ddla_onednn_eltwise_accepts,       \
                                                     .prepare = prepare,                           \
                                                     .forward = ddla_onednn_eltwise_forward,       \
                                                     .backward = ddla_onednn_eltwise_backward,     \
                                                     .destroy = ddla_onednn_eltwise_destroy};

#endif
