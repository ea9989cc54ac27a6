/* Ops that are conv2d seen from another side: the call of conv2d that computes them, for their
 * references and for the kernels that hand them on. */
#ifndef DDLA_OP_CONVOLUTION_H
#define DDLA_OP_CONVOLUTION_H

#include "op/op.h"

/* The conv2d on images of one line that a conv1d is: shapes, attributes, training and wants_grad;
 * inferred, without memory. The channels must have been checked. Errors: INVALID. */
ddla_status ddla_convolution_flat(ddla_op_call *flat, const ddla_op_call *call);

/* Gives it the call's memory, its parameter and packs. */
void ddla_convolution_point(ddla_op_call *flat, const ddla_op_call *call);

/* The conv2d from a conv_transpose2d's y (input 0) to its x (output 0) with the same weights
 * (input 1), always for training: its gradient of input 0 is the transposed convolution. Inferred,
 * without memory. The channels must have been checked. Errors: INVALID naming both shapes. */
ddla_status ddla_convolution_turned(ddla_op_call *turned, const ddla_op_call *call);

#endif
