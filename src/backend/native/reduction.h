/* Reductions along neighbouring dimensions (op/reduce.h): the input as [outer][each][inner], the
 * output as [outer][inner], whatever the dimensions are. Sums are in double precision, in an order
 * given by the sizes. */
#ifndef DDLA_BACKEND_NATIVE_REDUCTION_H
#define DDLA_BACKEND_NATIVE_REDUCTION_H

#include "backend/avx512.h"
#include "backend/kernel.h"

typedef struct ddla_reduction_form {
  int64_t outer, each, inner;
} ddla_reduction_form;

/* A kernel's state: the form of its call. */
struct ddla_kernel_state {
  ddla_reduction_form form;
};

/* False where axes lie apart; dimensions of 1 are nowhere between. */
bool ddla_reduction_form_of(ddla_reduction_form *out, const ddla_op_call *call);

/* Slots of kernels: what has a form, on AVX-512; its form; nothing kept, no scratch. */
bool ddla_reduction_accepts(const ddla_op_call *call);
ddla_status ddla_reduction_prepare(ddla_kernel_state **out, ddla_op_call *call);
void ddla_reduction_destroy(ddla_kernel_state *state);

/* y = sum of x / divisor */
void ddla_reduction_forward(const ddla_kernel_state *state, const ddla_op_call *call,
                            double divisor);

/* dx = dy / divisor */
void ddla_reduction_backward(const ddla_kernel_state *state, const ddla_op_call *call,
                             double divisor);

#endif
