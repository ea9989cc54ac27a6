/* Checks of inputs and attributes whose failures name the input and its shape, beside those that
 * are public (ddla/op.h). */
#ifndef DDLA_OP_CHECK_H
#define DDLA_OP_CHECK_H

#include "op/op.h"

/* Checks that hold for every op, made by ddla_op_infer before the op's own: the number of inputs,
 * that the required ones are there, ranks, dimensions of at least 1, element counts within
 * DDLA_OP_ELEMENTS_MAX, attribute names and kinds. Errors: INVALID. */
ddla_status ddla_op_check_call(const ddla_op_call *call);

/* What infer left: one or two outputs with formats and shapes that can be, an alias that is there
 * and as large. Errors: INVALID. */
ddla_status ddla_op_check_results(const ddla_op_call *call);

/* Dimensions of at least 1 whose product is at most DDLA_OP_ELEMENTS_MAX; what: "input 1", "output
 * 0". Errors: INVALID. */
ddla_status ddla_op_check_shape(const ddla_shape *shape, const char *what, int index);

/* Attribute "activation": 0 none, 1 relu. Errors: INVALID. */
ddla_status ddla_op_check_activation(const ddla_op_call *call);

/* Attribute "epsilon", what a norm adds to a square: above 0 to 1. Errors: INVALID. */
ddla_status ddla_op_check_epsilon(const ddla_op_call *call);

#endif
