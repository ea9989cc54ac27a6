/* lstm and gru through matrix products: one for the inputs of all steps, one for the state in each
 * step, and element-wise loops (backend/gates.h) between them. */
#ifndef DDLA_BACKEND_ONEDNN_RECURRENT_H
#define DDLA_BACKEND_ONEDNN_RECURRENT_H

#include "backend/kernel.h"

bool ddla_onednn_recurrent_accepts(const ddla_op_call *call);

/* gates: 4 lstm, 3 gru. */
ddla_status ddla_onednn_recurrent_prepare(ddla_kernel_state **out, ddla_op_call *call, int gates);
ddla_status ddla_onednn_recurrent_forward(ddla_kernel_state *state, const ddla_op_call *call);
ddla_status ddla_onednn_recurrent_backward(ddla_kernel_state *state, const ddla_op_call *call);
void ddla_onednn_recurrent_destroy(ddla_kernel_state *state);

/* The kernel of the op `name`, in its file. */
#define DDLA_ONEDNN_RECURRENT(op_name, gates)                                                      \
  static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {                        \
    return ddla_onednn_recurrent_prepare(out, call, gates);                                        \
  }                                                                                                \
  const ddla_kernel ddla_kernel_onednn_##op_name = {.name = "onednn_" #op_name,                    \
                                                    .op = #op_name,                                \
                                                    .accepts = ddla_onednn_recurrent_accepts,      \
                                                    .prepare = prepare,                            \
                                                    .forward = ddla_onednn_recurrent_forward,      \
                                                    .backward = ddla_onednn_recurrent_backward,    \
                                                    .destroy = ddla_onednn_recurrent_destroy}

#endif
