/* What the infer functions of ops share: checks of inputs whose failures name the input and its
 * shape. */
#ifndef DDLA_OP_CHECK_H
#define DDLA_OP_CHECK_H

#include "op/op.h"

/* Checks that hold for every op, made by ddla_op_infer before the op's own: the number of inputs,
 * that the required ones are there, ranks, dimensions of at least 1, element counts within
 * DDLA_OP_ELEMENTS_MAX, attribute names and kinds. Errors: INVALID. */
ddla_status ddla_op_check_call(const ddla_op_call *call);

/* Dimensions of at least 1 whose product is at most DDLA_OP_ELEMENTS_MAX; what: "input 1", "output
 * 0". Errors: INVALID. */
ddla_status ddla_op_check_shape(const ddla_shape *shape, const char *what, int index);

/* Whether input i is there. */
bool ddla_op_has(const ddla_op_call *call, int input);

/* Input has this format and a rank in [rank_min, rank_max]. Errors: INVALID. */
ddla_status ddla_op_check_input(const ddla_op_call *call, int input, ddla_dtype dtype, int rank_min,
                                int rank_max);

/* Inputs a and b have one shape. Errors: INVALID. */
ddla_status ddla_op_check_equal(const ddla_op_call *call, int a, int b);

/* Input is a vector of `count` elements; what names it ("bias"). Errors: INVALID. */
ddla_status ddla_op_check_vector(const ddla_op_call *call, int input, int64_t count,
                                 const char *what);

/* Attribute "activation": 0 none, 1 relu. Errors: INVALID. */
ddla_status ddla_op_check_activation(const ddla_op_call *call);

/* Attribute "epsilon", what a norm adds to a square: above 0 to 1. Errors: INVALID. */
ddla_status ddla_op_check_epsilon(const ddla_op_call *call);

/* The attribute as an axis of a tensor of this rank; negative counts from the end. Errors: INVALID.
 */
ddla_status ddla_op_axis(int *out, const ddla_op_call *call, int rank);

/* Format and shape of an output. */
void ddla_op_set_output(ddla_op_call *call, int output, ddla_dtype dtype, const ddla_shape *shape);

/* infer of y = f(x), element by element: x fp32 of any shape. */
ddla_status ddla_op_infer_elementwise(ddla_op_call *call);

/* Outputs of a loss: sum over samples and number of samples, both f64 []. */
void ddla_op_set_loss(ddla_op_call *call);

#endif
