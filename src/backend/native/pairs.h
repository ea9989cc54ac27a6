/* Ops of two tensors, element by element (op/broadcast.h), in runs of neighbouring elements: what
 * their kernels share. */
#ifndef DDLA_BACKEND_NATIVE_PAIRS_H
#define DDLA_BACKEND_NATIVE_PAIRS_H

#include "backend/native/stateless.h"

/* to[i] = f(a[i], b[i]) */
typedef void (*ddla_pairs_value)(float *to, const float *a, const float *b, int64_t count);

/* to[i] = dy[i] times the slope at a[i], b[i] */
typedef void (*ddla_pairs_slope)(float *to, const float *dy, const float *a, const float *b,
                                 int64_t count);

/* Accepts equal shapes, and broadcast ones whose last dimensions are alike. */
bool ddla_pairs_accepts(const ddla_op_call *call);

/* Asks for scratch where sums are taken. */
ddla_status ddla_pairs_prepare(ddla_kernel_state **out, ddla_op_call *call);

void ddla_pairs_forward(const ddla_op_call *call, ddla_pairs_value value);

/* The gradient of one input, where it is wanted; sums over broadcast elements are taken in the
 * order of the output. */
void ddla_pairs_backward(const ddla_op_call *call, int input, ddla_pairs_slope slope);

/* The row of a kernel from the static functions forward and backward above it. */
#define DDLA_PAIRS_KERNEL(function)                                                                \
  const ddla_kernel ddla_kernel_native_##function = {.name = "native_" #function,                  \
                                                     .op = #function,                              \
                                                     .accepts = ddla_pairs_accepts,                \
                                                     .prepare = ddla_pairs_prepare,                \
                                                     .forward = forward,                           \
                                                     .backward = backward,                         \
                                                     .destroy = ddla_stateless_destroy};

#endif
