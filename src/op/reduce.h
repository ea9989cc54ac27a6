/* What ops share that combine the elements along chosen axes: attribute "axes", a list in which
 * negative numbers count from the end, and "keep": 1 leaves a dimension of 1 where an axis was. */
#ifndef DDLA_OP_REDUCE_H
#define DDLA_OP_REDUCE_H

#include "op/op.h"

/* A walk over the input in its order; `place` is the output element that input element number
 * `index` belongs to. Begins zeroed but for shape and step. */
typedef struct ddla_reduction {
  ddla_shape shape;            /* of the input */
  int64_t step[DDLA_RANK_MAX]; /* in the output, for a step along each dimension; 0: an axis */
  int64_t each;                /* elements that make one */
  int64_t index, place, at[DDLA_RANK_MAX];
} ddla_reduction;

/* Reads and checks the attributes, sets output 0. Errors: INVALID naming the shape. */
ddla_status ddla_reduction_infer(ddla_op_call *call);

/* The walk of a call that infer has accepted, at its beginning. */
ddla_reduction ddla_reduction_of(const ddla_op_call *call);

/* To the next element of the input. */
static inline void ddla_reduction_next(ddla_reduction *r) {
  r->index++;
  for (int d = r->shape.rank - 1; d >= 0; d--) {
    r->place += r->step[d];
    if (++r->at[d] < r->shape.dim[d]) return;
    r->place -= r->step[d] * r->at[d];
    r->at[d] = 0;
  }
}

/* y = sum / divisor, in double precision; needs scratch of one double for each output element. */
void ddla_reduction_sum(const ddla_op_call *call, double divisor);

/* dx += dy / divisor */
void ddla_reduction_spread(const ddla_op_call *call, double divisor);

/* infer of a sum: ddla_reduction_infer and its scratch. */
ddla_status ddla_reduction_infer_sum(ddla_op_call *call);

bool ddla_reduction_sample(int index, ddla_rng *rng, ddla_op_call *call);

#endif
