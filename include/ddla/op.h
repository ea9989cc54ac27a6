/* Ops: what a graph is made of. An op says shapes, a plain forward and backward, and sample cases;
 * the library's own and those of others are made the same way. An op of one's own goes straight
 * into a graph (ddla_graph_use), or under its name through a plug-in (ddla/plugin.h).
 *
 * Conventions: fp32 unless an op says otherwise; tensors are dense and row-major; images [N, H, W,
 * C]; dimension 0 of what depends on the samples is the batch. A graph is built with a batch of one
 * and used with others, so infer derives shapes from those of its inputs. Losses are SUMS over
 * samples; a division by the count happens once, after the tree over the shards. Results are a
 * function of the call alone: sums have a fixed order, random numbers come from keys that are an
 * input (ddla/rng.h). Then any number of agents gives the same bits.
 *
 * Threads: the functions of an op are called by several threads at once, each with a call of its
 * own; an op keeps no state. They allocate nothing and print nothing; failures are made with
 * DDLA_FAIL. */
#ifndef DDLA_OP_H
#define DDLA_OP_H

#include <ddla/attrs.h>
#include <ddla/rng.h>
#include <ddla/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* One use of an op: everything infer, forward and backward need. The library makes it; infer sets
 * the fields marked (infer), and the outputs' dtype and shape (ddla_op_set_output). Gradients have
 * dtype and shape of their tensors. Memory is the library's, tensors are 64-byte aligned. Backward
 * is called only where a gradient arrives at output 0 (losses: f64 []; the count beside a loss has
 * no gradient). */
typedef struct ddla_op_call {
  const struct ddla_op *op;
  ddla_attrs attrs;
  int input_count, output_count;
  ddla_tensor input[DDLA_OP_INPUTS_MAX];        /* forward reads; not there: null data */
  ddla_tensor output[DDLA_OP_OUTPUTS_MAX];      /* forward writes */
  ddla_tensor output_grad[DDLA_OP_OUTPUTS_MAX]; /* backward reads; null data: none arrives */
  ddla_tensor input_grad[DDLA_OP_INPUTS_MAX];   /* backward adds; null data: not wanted */
  bool present[DDLA_OP_INPUTS_MAX];             /* known at infer: input i exists */
  /* Backward will be asked for this input's gradient. Where training is set and none is, it is not
   * known yet, and infer prepares for all (ddla_op_wants). */
  bool wants_grad[DDLA_OP_INPUTS_MAX];
  bool training; /* false: no backward follows, dropout is the identity */
  /* (infer) Output 0 is input[alias]'s memory and nothing is computed; else -1 (initially). Run all
   * the same, it copies, and does nothing where the memory is the same. */
  int alias;
  /* (infer) What must stay alive until backward; initially nothing. What is not named here may be
   * overwritten before backward; what is named in vain costs memory. */
  bool backward_reads_input[DDLA_OP_INPUTS_MAX];
  bool backward_reads_output[DDLA_OP_OUTPUTS_MAX];
  size_t saved_bytes;    /* (infer) forward writes, backward reads (masks, argmax); initially 0 */
  size_t scratch_bytes;  /* (infer) free to use within one forward or backward; initially 0 */
  void *saved, *scratch; /* 64-byte aligned, at least as large as asked for; null where 0 */
  /* From here on the library's own, for its kernels: an op neither reads nor writes it, and it may
   * change without notice. Packed weights: input i holds parameter parameter_id[i] (-1: no
   * parameter) of this version. */
  int parameter_id[DDLA_OP_INPUTS_MAX];
  uint64_t parameter_version;
  struct ddla_pack_cache *packs; /* null: pack at each call */
  ddla_precision precision;      /* operands come rounded where they are to be */
  void *queue;                   /* null on a CPU; reserved for devices */
} ddla_op_call;

/* What an op is. Read-only; it lasts as long as a graph uses it. */
typedef struct ddla_op {
  const char *name, *math; /* "relu", "y = max(x, 0)"; a name is letters, digits and '_' */
  const char *inputs;      /* names and shapes, one line: "x [N,...], w [O,I], b [O] optional" */
  /* Attributes and defaults: "kernel= stride=1 alpha=1.0". Default with a point: a real number;
   * without: whole numbers; none: required. Null: the op has no attributes. */
  const char *attrs;
  int input_min, input_max; /* inputs 0 to input_min - 1 must be there, more up to input_max may */
  /* Checks inputs and attributes and sets outputs and what is marked (infer). Already checked: how
   * many inputs there are, that every dimension is at least 1 and no tensor has more than
   * DDLA_OP_ELEMENTS_MAX elements, that attributes are known and of the right kind. Errors: INVALID
   * naming both shapes. */
  ddla_status (*infer)(ddla_op_call *call);
  /* Writes every output (all of it). Errors: INVALID for values that shapes cannot show (a label
   * out of range). */
  ddla_status (*forward)(const ddla_op_call *call);
  /* ADDS into every wanted input_grad. Null: no gradient exists. */
  ddla_status (*backward)(const ddla_op_call *call);
  /* Case number index for the gradient check and the benchmark: sets attrs, input_count, inputs'
   * dtype and shape, present (ddla_op_sample_start). False past the last case. The first cases are
   * small and odd; the last is of realistic size. */
  bool (*sample)(int index, ddla_rng *rng, ddla_op_call *call);
  /* Fills input `input` of a sample case (labels in range, keys; values away from kinks, so that
   * finite differences exist); null: normal numbers everywhere. */
  void (*fill)(ddla_op_call *call, int input, ddla_rng *rng);
  /* Floating point operations of one forward of this call; null: elementwise, not counted. */
  double (*flops)(const ddla_op_call *call);
  /* Operations of backward as a multiple of flops; 0: one more flops for each input of rank 2 or
   * more whose gradient is wanted. */
  double backward_cost;
  /* What are operands of products, which bf16 rounds before the op sees them: bit i for input i,
   * and DDLA_OPERAND_GRADIENT for the arriving gradient. 0: the op has no products. */
  unsigned operands;
} ddla_op;

/* Checks for infer. Errors of all: INVALID naming input and shape. */

/* Input has this format and a rank in [rank_min, rank_max]. */
DDLA_API DDLA_MUST_USE ddla_status ddla_op_check_input(const ddla_op_call *call, int input,
                                                       ddla_dtype dtype, int rank_min,
                                                       int rank_max);

/* Inputs a and b have one shape. */
DDLA_API DDLA_MUST_USE ddla_status ddla_op_check_equal(const ddla_op_call *call, int a, int b);

/* Input is fp32 and a vector of `count` elements; what names it ("bias"). */
DDLA_API DDLA_MUST_USE ddla_status ddla_op_check_vector(const ddla_op_call *call, int input,
                                                        int64_t count, const char *what);

/* The attribute "axis" (0 where it is not given) as an axis of a tensor of this rank; negative
 * counts from the end. */
DDLA_API DDLA_MUST_USE ddla_status ddla_op_axis(int *out, const ddla_op_call *call, int rank);

/* Whether input i is there. */
DDLA_API bool ddla_op_has(const ddla_op_call *call, int input);

/* Whether backward will, as far as known, be asked for this input's gradient: a product keeps one
 * factor only for the gradient of the other. */
DDLA_API bool ddla_op_wants(const ddla_op_call *call, int input);

/* Format and shape of an output; more outputs than before where `output` is the next one. */
DDLA_API void ddla_op_set_output(ddla_op_call *call, int output, ddla_dtype dtype,
                                 const ddla_shape *shape);

/* Outputs of a loss: sum over samples and number of samples, both f64 []. */
DDLA_API void ddla_op_set_loss(ddla_op_call *call);

/* infer of y = f(x), element by element: input 0 fp32 of any shape, output 0 of its shape. */
DDLA_API DDLA_MUST_USE ddla_status ddla_op_infer_elementwise(ddla_op_call *call);

/* Sample cases. */

/* Makes *call a call of the same op with input_count inputs, all there, fp32, without attributes.
 */
DDLA_API void ddla_op_sample_start(ddla_op_call *call, int input_count);

/* Sets format and shape of an input from the leading nonzero dimensions, so that a row of a table
 * can hold shapes of several ranks: {3, 17, 0, 0}. */
DDLA_API void ddla_op_sample_input(ddla_op_call *call, int input, ddla_dtype dtype,
                                   const int64_t dim[4]);

/* sample for elementwise ops: `inputs` inputs of one shape. */
DDLA_API bool ddla_op_sample_elementwise(int index, ddla_op_call *call, int inputs);

/* sample for losses of x and target [N,...]. */
DDLA_API bool ddla_op_sample_loss(int index, ddla_op_call *call);

/* Nearly normal numbers (within 3.5 deviations) with this deviation into an fp32 tensor; numbers in
 * [0.5, 2.5); a random order of numbers spaced 1/16 around 0, none of which is within 1/32 of 0:
 * for ops with a kink there. */
DDLA_API void ddla_op_fill_normal(ddla_tensor *tensor, ddla_rng *rng, float deviation);
DDLA_API void ddla_op_fill_positive(ddla_tensor *tensor, ddla_rng *rng);
DDLA_API void ddla_op_fill_apart(ddla_tensor *tensor, ddla_rng *rng);

/* Whole numbers in [0, bound) into an i32 or i64 tensor. */
DDLA_API void ddla_op_fill_below(ddla_tensor *tensor, ddla_rng *rng, uint64_t bound);

/* fill for ops with a kink: every input apart. */
DDLA_API void ddla_op_fill_inputs_apart(ddla_op_call *call, int input, ddla_rng *rng);

/* Runs an op of one's own on each of its sample cases and checks that backward is the gradient of
 * forward (against finite differences) and adds, that a gradient does not depend on which others
 * are wanted, that nothing is written outside the arrays or read in backward that infer did not
 * name, that inputs stay as they are, results are finite and have the same bits elsewhere in
 * memory. Cases of more than 1e8 operations are left out. *cases (may be null): how many there are.
 * Errors: INVALID where the op lacks something; INTERNAL naming case, element, found and wanted;
 * those of the op. `ddla check PLUGIN.so` does this for all ops of a plug-in. */
DDLA_API DDLA_MUST_USE ddla_status ddla_op_check(int *cases, const ddla_op *op);

#ifdef __cplusplus
}
#endif
#endif
