/* Pairs of elements for ops of two tensors, as NumPy pairs them: shapes are aligned at their last
 * dimensions, and a dimension of 1, or one that is not there, serves all of the other tensor's. */
#ifndef DDLA_OP_BROADCAST_H
#define DDLA_OP_BROADCAST_H

#include "op/op.h"

/* Input i's element for element (at[0], at[1], ...) of the output lies at the sum of at[d] *
 * step[i][d]. */
typedef struct ddla_broadcast {
  ddla_shape shape; /* of the output */
  int64_t step[2][DDLA_RANK_MAX];
} ddla_broadcast;

/* infer of y = f(a, b): fp32 inputs, output 0, scratch for sums. Errors: INVALID naming both
 * shapes. */
ddla_status ddla_broadcast_infer(ddla_op_call *call);

/* The pairing of a call that infer has accepted. */
ddla_broadcast ddla_broadcast_of(const ddla_op_call *call);

/* y = f(a, b) */
ddla_status ddla_broadcast_forward(const ddla_op_call *call, float (*f)(float a, float b));

/* Adds to the gradient of one input, where it is wanted, slope(dy, a, b); over the elements that
 * one element served the sum is taken in double precision, in the order of the output. */
void ddla_broadcast_backward(const ddla_op_call *call, int input,
                             float (*slope)(float dy, float a, float b));

/* sample: equal shapes, and every way to broadcast. */
bool ddla_broadcast_sample(int index, ddla_rng *rng, ddla_op_call *call);

#endif
