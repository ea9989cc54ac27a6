/* The library's ops: one file and one row of op_list.h each. What an op is stands in ddla/op.h,
 * which is the same for everybody's. How it is computed fast is a kernel (backend/kernel.h), which
 * may change the fields marked (infer) that say what stays alive and how much memory is needed.
 *
 * Weights of convolutions are [O, I/groups, KH, KW] and linear weights [O, I], as PyTorch stores
 * them. Keys of dropout and other per-sample randomness are int64 tensors [N], one per sample, made
 * by the trainer from (seed, step or epoch, sample index). */
#ifndef DDLA_OP_OP_H
#define DDLA_OP_OP_H

#include <ddla/op.h>

#include "base/rng.h"
#include "base/status.h"

/* Floating point operations of one backward of this call; 0 where flops is null. */
double ddla_op_backward_flops(const ddla_op_call *call);

/* The table; count in *count. Borrowed for ever. */
const ddla_op *const *ddla_op_table(int *count);

/* Op of the table by name, or null. */
const ddla_op *ddla_op_find(const char *name);

/* Whether an op of somebody else's has what it must have, and a name of its own. Errors: INVALID
 * naming what is missing. */
ddla_status ddla_op_check_row(const ddla_op *op);

/* infer with the checks of op/check.h and the defaults of its fields set first (alias -1, one
 * output, reads nothing, no memory) and with the op's name put before an error. Where training is
 * false nothing is saved and backward reads nothing. Errors: INVALID. */
ddla_status ddla_op_infer(ddla_op_call *call);

/* Whether this call's operands are rounded to bf16. */
bool ddla_op_rounds(const ddla_op_call *call);

/* By the words of train.precision, "fp32" and "bf16"; fp32 for any other. Borrowed for ever. */
ddla_precision ddla_precision_of(const char *word);
const char *ddla_precision_name(ddla_precision precision);

#endif
