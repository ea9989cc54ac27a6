/* Checks of an op's plain functions on its sample cases, as ddla_op_check (ddla/op.h) makes them
 * all. Cases of more than 1e8 operations are left out. Errors: INTERNAL with element, found and
 * wanted; those of the op. Threads: one at a time. */
#ifndef DDLA_BACKEND_OP_CHECK_H
#define DDLA_BACKEND_OP_CHECK_H

#include "op/op.h"

/* Backward against central finite differences of forward, in some elements of each input. */
ddla_status ddla_op_check_gradient(const ddla_op *op, int index);

/* Backward adds to what its gradients hold. */
ddla_status ddla_op_check_adding(const ddla_op *op, int index);

/* A gradient's bits do not depend on whether other gradients are wanted. */
ddla_status ddla_op_check_alone(const ddla_op *op, int index);

/* The same bits elsewhere in memory, nothing written outside, inputs unchanged, nothing read in
 * backward that infer did not name, and every result finite. */
ddla_status ddla_op_check_elsewhere(const ddla_op *op, int index);

#endif
