/* An op says what is computed: shapes, a plain reference forward and backward, and sample cases.
 * One file and one row of op_list.h each. How it is computed fast is a kernel (backend/kernel.h).
 *
 * Conventions: fp32 unless an op says otherwise; tensors are dense and row-major; images [N, H, W,
 * C]; convolution weights [O, I/groups, KH, KW] and linear weights [O, I], as PyTorch stores them.
 * Losses are SUMS over samples; a division by the count happens once, after the tree over the
 * shards. */
#ifndef DDLA_OP_OP_H
#define DDLA_OP_OP_H

#include <ddla/attrs.h>
#include <ddla/tensor.h>

#include "base/rng.h"
#include "base/status.h"

enum { DDLA_OP_INPUTS_MAX = 8, DDLA_OP_OUTPUTS_MAX = 2, DDLA_OPERAND_GRADIENT = 1 << 8 };

/* Elements of one tensor: bytes and products with small numbers fit an int64_t. */
#define DDLA_OP_ELEMENTS_MAX (INT64_C(1) << 48)

struct ddla_op;
struct ddla_pack_cache;

/* In what the products of an op are computed. At bf16 their operands, as the op's row names them,
 * are rounded to bf16: to the nearest number, of two equally near ones to the even one. Sums are
 * fp32, and so is everything in memory. The gradient of an input that is no operand (a bias) is
 * made from the arriving gradient as it is. An op without products computes as at fp32. */
typedef enum ddla_precision { DDLA_PRECISION_FP32, DDLA_PRECISION_BF16 } ddla_precision;

/* One use of an op: everything infer, a reference or a kernel needs. Whoever makes the call sets
 * op, attrs, input_count, present, inputs' dtype and shape, training, precision and wants_grad;
 * infer sets output_count, the outputs' and all gradients' dtype and shape and the fields marked
 * (infer); a kernel's prepare may change those marked (kernel). Memory is the caller's. Backward is
 * called only where a gradient arrives at output 0 (losses: f64 []; the count beside a loss has no
 * gradient). An aliased call (alias >= 0) needs no run; run all the same, it copies, and does
 * nothing where the memory is the same. */
typedef struct ddla_op_call {
  const struct ddla_op *op;
  ddla_attrs attrs;
  int input_count, output_count;
  ddla_tensor input[DDLA_OP_INPUTS_MAX];        /* forward reads; not there: null data */
  ddla_tensor output[DDLA_OP_OUTPUTS_MAX];      /* forward writes */
  ddla_tensor output_grad[DDLA_OP_OUTPUTS_MAX]; /* backward reads; null data: none arrives */
  ddla_tensor input_grad[DDLA_OP_INPUTS_MAX];   /* backward writes; null data: not wanted */
  bool present[DDLA_OP_INPUTS_MAX];             /* known at infer: input i exists */
  /* Known at prepare: backward will be asked for this input's gradient. Where training is set and
   * none is, infer takes it as not known yet and prepares for all. */
  bool wants_grad[DDLA_OP_INPUTS_MAX];
  bool training; /* false: no backward follows, dropout is the identity */
  ddla_precision precision;
  /* (infer) Output 0 is input[alias]'s memory, nothing is computed; else -1. */
  int alias;
  /* (infer, kernel) What must stay alive until backward. */
  bool backward_reads_input[DDLA_OP_INPUTS_MAX];
  bool backward_reads_output[DDLA_OP_OUTPUTS_MAX];
  size_t saved_bytes;    /* (infer, kernel) forward writes, backward reads (masks, argmax) */
  size_t scratch_bytes;  /* (infer, kernel) free to use within one forward or backward */
  void *saved, *scratch; /* 64-byte aligned, at least as large as asked for */
  /* Packed weights: input i holds parameter parameter_id[i] (-1: no parameter) of this version. */
  int parameter_id[DDLA_OP_INPUTS_MAX];
  uint64_t parameter_version;
  struct ddla_pack_cache *packs; /* null: pack at each call */
  void *queue;                   /* null on a CPU; reserved for devices */
} ddla_op_call;

typedef struct ddla_op {
  const char *name, *math; /* "relu", "y = max(x, 0)" */
  const char *inputs;      /* names and shapes, one line: "x [N,...], w [O,I], b [O] optional" */
  /* Attributes and defaults: "kernel= stride=1 alpha=1.0". Default with a point: a real number;
   * without: whole numbers; none: required. Null: the op has no attributes. */
  const char *attrs;
  int input_min, input_max; /* inputs 0 to input_min - 1 must be there, more up to input_max may */
  /* Checks inputs and attributes beyond what ddla_op_infer does and sets what is marked (infer).
   * Errors: INVALID naming both shapes. */
  ddla_status (*infer)(ddla_op_call *call);
  /* Plain reference, forward: writes every output (all of it). */
  ddla_status (*forward)(const ddla_op_call *call);
  /* Plain reference, backward: ADDS into every wanted input_grad. Null: no gradient exists. */
  ddla_status (*backward)(const ddla_op_call *call);
  /* Case number index for the gradient check, the kernel comparison, the benchmark and the
   * reference page (op/op_case.h): sets op, attrs, input_count, inputs' dtype and shape, present.
   * False past the last case. The first cases are small and odd; the last is of realistic size. */
  bool (*sample)(int index, ddla_rng *rng, ddla_op_call *call);
  /* Fills input `input` of a sample case (labels in range, keys; values away from kinks, so that
   * finite differences exist); null: normal numbers everywhere. */
  void (*fill)(ddla_op_call *call, int input, ddla_rng *rng);
  /* Floating point operations of one forward of this call; null: elementwise, not counted. */
  double (*flops)(const ddla_op_call *call);
  /* Operations of backward as a multiple of flops; 0: one more flops for each input of rank 2 or
   * more whose gradient is wanted. */
  double backward_cost;
  /* What are operands of products, which bf16 rounds: bit i for input i, and
   * DDLA_OPERAND_GRADIENT for the arriving gradient. 0: the op has no products. */
  unsigned operands;
} ddla_op;

/* Floating point operations of one backward of this call; 0 where flops is null. */
double ddla_op_backward_flops(const ddla_op_call *call);

/* The table; count in *count. Borrowed for ever. */
const ddla_op *const *ddla_op_table(int *count);

/* Op by name, or null. */
const ddla_op *ddla_op_find(const char *name);

/* infer with the checks of op/check.h and the defaults of its fields set first (alias -1, one
 * output, reads nothing, no memory) and with the op's name put before an error. Where training is
 * false nothing is saved and backward reads nothing. Errors: INVALID. */
ddla_status ddla_op_infer(ddla_op_call *call);

/* Whether this call's operands are rounded to bf16. */
bool ddla_op_rounds(const ddla_op_call *call);

/* By the words of train.precision, "fp32" and "bf16"; fp32 for any other. Borrowed for ever. */
ddla_precision ddla_precision_of(const char *word);
const char *ddla_precision_name(ddla_precision precision);

/* Whether backward will, as far as known, be asked for this input's gradient. */
bool ddla_op_wants(const ddla_op_call *call, int input);

/* Philox key of dropout and other per-sample randomness: keys are int64 tensors [N], one per
 * sample, made by the trainer from (seed, step or epoch, sample index). */

#endif
