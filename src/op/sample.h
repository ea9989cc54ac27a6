/* What the sample cases of ops share: shapes and fillings. */
#ifndef DDLA_OP_SAMPLE_H
#define DDLA_OP_SAMPLE_H

#include "op/op.h"

/* Makes *call a call of the same op with input_count inputs, all there, fp32, without attributes.
 */
void ddla_op_sample_start(ddla_op_call *call, int input_count);

/* Sets format and shape of an input from the leading nonzero dimensions, so that a row of a table
 * can hold shapes of several ranks: {3, 17, 0, 0}. */
void ddla_op_sample_input(ddla_op_call *call, int input, ddla_dtype dtype, const int64_t dim[4]);

/* sample for elementwise ops: `inputs` inputs of one shape. */
bool ddla_op_sample_elementwise(int index, ddla_op_call *call, int inputs);

/* sample for pooling: images with the attributes kernel, stride and padding. */
bool ddla_op_sample_pool(int index, ddla_rng *rng, ddla_op_call *call);

/* sample for losses of x and target [N,...]. */
bool ddla_op_sample_loss(int index, ddla_op_call *call);

/* Nearly normal numbers (within 3.5 deviations) with this deviation into an fp32 tensor. */
void ddla_op_fill_normal(ddla_tensor *tensor, ddla_rng *rng, float deviation);

/* Numbers in [0.5, 2.5). */
void ddla_op_fill_positive(ddla_tensor *tensor, ddla_rng *rng);

/* Odd multiples of `unit` in [-7, 7] * unit. Sums of products of such numbers are exact in fp32 and
 * lie on a grid, so that a bias of odd multiples of half the grid keeps them away from 0, where
 * relu has its kink. */
void ddla_op_fill_odd(ddla_tensor *tensor, ddla_rng *rng, float unit);

/* A random order of numbers spaced 1/16 around 0: no two are equal or close, none is within 1/32 of
 * 0. */
void ddla_op_fill_apart(ddla_tensor *tensor, ddla_rng *rng);

/* Whole numbers in [0, bound) into an i32 or i64 tensor. */
void ddla_op_fill_below(ddla_tensor *tensor, ddla_rng *rng, uint64_t bound);

/* fill for ops with a kink: every fp32 input apart. */
void ddla_op_fill_inputs_apart(ddla_op_call *call, int input, ddla_rng *rng);

/* fill for linear and conv2d: where relu is fused on the grid (x and w odd multiples of 1/4, bias
 * odd multiples of 1/32), else normal, weights scaled by 1 / sqrt(fan-in). */
void ddla_op_fill_weighted(ddla_op_call *call, int input, ddla_rng *rng);

#endif
