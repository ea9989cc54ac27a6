/* Gradient norm with the same bits for any split of the work: sums of squares of fixed blocks of
 * the parameter space, added up in one fixed binary tree. A range of the parameter space that one
 * agent owns must begin at a multiple of DDLA_NORM_BLOCK; agents exchange block sums, never sums of
 * their ranges. */
#ifndef DDLA_OPTIM_NORM_H
#define DDLA_OPTIM_NORM_H

#include <stdint.h>

#include "optim/isa.h"

enum { DDLA_NORM_BLOCK = 4096 }; /* floats */

/* Number of blocks of count floats. */
int64_t ddla_norm_blocks(int64_t count);

/* sums[b] = sum of the squares of block b, in double: element i of a block is added to lane i mod
 * 16 in order, lanes are added as a binary tree. values holds count floats beginning at a block's
 * border; sums takes ddla_norm_blocks(count). Padding between tensors must be zero. Any thread. */
void ddla_norm_block_sums(double *sums, const float *values, int64_t count, ddla_isa isa);

/* Sum of count values in the fixed tree: [a, b) is [a, m) + [m, b) with m = a + the largest power
 * of two below b - a. 0 values: 0. */
double ddla_norm_tree(const double *sums, int64_t count);

/* The same of every stride-th value: a column of an array [count, stride]. */
double ddla_norm_tree_column(const double *values, int64_t count, int64_t stride);

/* Norm of the scaled gradient: scale * sqrt(sum of squares). */
double ddla_norm_value(double sum_of_squares, double scale);

/* min(1, max_norm / (norm + 1e-6)), as PyTorch's clip_grad_norm_; 1 where max_norm is 0 (no
 * clipping). A norm that is not finite gives 0 or NaN: check the norm first. */
double ddla_norm_clip(double norm, double max_norm);

#endif
