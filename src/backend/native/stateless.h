/* What kernels share that prepare nothing and keep nothing: fp32 loops over whole tensors. */
#ifndef DDLA_BACKEND_NATIVE_STATELESS_H
#define DDLA_BACKEND_NATIVE_STATELESS_H

#include "backend/kernel.h"

/* Accepts every call whose first input is fp32. */
bool ddla_stateless_accepts(const ddla_op_call *call);

/* Needs neither saved memory nor scratch. */
ddla_status ddla_stateless_prepare(ddla_kernel_state **out, ddla_op_call *call);

void ddla_stateless_destroy(ddla_kernel_state *state);

/* The row of a kernel from the static functions forward and backward above it. */
#define DDLA_STATELESS_KERNEL(function)                                                            \
  const ddla_kernel ddla_kernel_native_##function = {.name = "native_" #function,                  \
                                                     .op = #function,                              \
                                                     .accepts = ddla_stateless_accepts,            \
                                                     .prepare = ddla_stateless_prepare,            \
                                                     .forward = forward,                           \
                                                     .backward = backward,                         \
                                                     .destroy = ddla_stateless_destroy};

#endif
