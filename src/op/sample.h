/* Shapes and fillings that sample cases share, beside those that are public (ddla/op.h). */
#ifndef DDLA_OP_SAMPLE_H
#define DDLA_OP_SAMPLE_H

#include "op/op.h"

/* sample for pooling: images with the attributes kernel, stride and padding. */
bool ddla_op_sample_pool(int index, ddla_rng *rng, ddla_op_call *call);

/* Odd multiples of `unit` in [-7, 7] * unit. Sums of products of such numbers are exact in fp32 and
 * lie on a grid, so that a bias of odd multiples of half the grid keeps them away from 0, where
 * relu has its kink. */
void ddla_op_fill_odd(ddla_tensor *tensor, ddla_rng *rng, float unit);

/* fill for linear and conv2d: where relu is fused on the grid (x and w odd multiples of 1/4, bias
 * odd multiples of 1/32), else normal, weights scaled by 1 / sqrt(fan-in). */
void ddla_op_fill_weighted(ddla_op_call *call, int input, ddla_rng *rng);

#endif
