/* A call at bf16 by a kernel that computes at fp32: the operands of its products are rounded into
 * memory beside, the kernel does the rest. Weights are rounded once for each version of the
 * parameters. Where the arriving gradient is an operand, backward runs twice: on the rounded one
 * for the gradients of operands, on the gradient as it is for those of other inputs. Threads: as of
 * a kernel. */
#ifndef DDLA_BACKEND_PLAIN_ROUNDED_H
#define DDLA_BACKEND_PLAIN_ROUNDED_H

#include "backend/kernel.h"

extern const ddla_kernel ddla_kernel_plain_reference;

/* The slots of a kernel; `by` computes the call at fp32 and accepts it there. */
ddla_status ddla_rounded_prepare(ddla_kernel_state **out, ddla_op_call *call,
                                 const ddla_kernel *by);
ddla_status ddla_rounded_forward(ddla_kernel_state *state, const ddla_op_call *call);
ddla_status ddla_rounded_backward(ddla_kernel_state *state, const ddla_op_call *call);
void ddla_rounded_destroy(ddla_kernel_state *state);

#endif
