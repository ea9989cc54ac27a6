/* A sample case of an op with its memory: for the gradient check, the comparison of kernels, the
 * benchmark and the reference page. Use: describe (shapes), prepare a kernel on case.call, allocate
 * (which also fills), run, free. Every array stands between guard bytes, so that a write outside it
 * is found. Threads: one at a time. */
#ifndef DDLA_OP_OP_CASE_H
#define DDLA_OP_OP_CASE_H

#include "op/op.h"

/* Zero means: seed 0, 64-byte aligned arrays, training, all gradients wanted. */
typedef struct ddla_op_case_options {
  uint64_t seed;
  int offset_bytes; /* of tensors behind a 64-byte border; a multiple of 8 */
  bool inference;
  ddla_precision precision;
  unsigned unwanted;             /* bit i: the gradient of input i is not wanted */
  struct ddla_pack_cache *packs; /* inputs from 1 on are parameters 1, 2, ... in version 1 */
  bool unfilled;                 /* every byte of every array is 0xff: NaN, or -1 */
} ddla_op_case_options;

typedef struct ddla_op_case {
  ddla_op_call call;
  ddla_op_case_options options;
  uint8_t *block; /* owned: all arrays */
  size_t block_bytes;
} ddla_op_case;

/* Number of sample cases; the last one is of realistic size. */
int ddla_op_case_count(const ddla_op *op);

/* Case number `index` with its shapes, inferred; no memory yet. options may be null. Errors:
 * INVALID. */
ddla_status ddla_op_case_describe(ddla_op_case *out, const ddla_op *op, int index,
                                  const ddla_op_case_options *options);

/* Memory for every array of a described case, after a kernel's prepare where there is one. Inputs
 * and the gradients of the outputs are filled from the seed; outputs, gradients, saved and scratch
 * hold NaN. Aliased output 0 has memory of its own. Errors: NO_MEMORY. Free takes a described or
 * zeroed case. */
ddla_status ddla_op_case_allocate(ddla_op_case *op_case);
void ddla_op_case_free(ddla_op_case *op_case);

/* Fills inputs and the gradients of the outputs again, with other numbers. */
void ddla_op_case_refill(ddla_op_case *op_case, uint64_t seed);

/* Whether no byte between the arrays has changed. Errors: INTERNAL naming the array before the
 * change. */
ddla_status ddla_op_case_check(const ddla_op_case *op_case);

/* Bytes of a tensor's elements. */
size_t ddla_op_case_bytes(const ddla_tensor *tensor);

#endif
