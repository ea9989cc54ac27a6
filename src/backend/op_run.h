/* A sample case of an op that a kernel runs, for the checks of ops (backend/op_check.h) and the
 * conformance tests of kernels. Failures are statuses with words, so that a loop over tables can
 * say where it stood. Threads: one at a time. */
#ifndef DDLA_BACKEND_OP_RUN_H
#define DDLA_BACKEND_OP_RUN_H

#include "backend/kernel.h"
#include "op/op_case.h"

typedef struct ddla_op_run {
  ddla_op_case op_case;
  const ddla_kernel *kernel;
  ddla_kernel_state *state;
  bool prepared;
} ddla_op_run;

/* Case `index` of op, prepared for kernel, allocated and filled. Close takes a zeroed run too. */
ddla_status ddla_op_run_open(ddla_op_run *run, const ddla_op *op, int index,
                             const ddla_op_case_options *options, const ddla_kernel *kernel);
void ddla_op_run_close(ddla_op_run *run);

/* Whether the kernel takes this case under these options. */
bool ddla_op_run_accepts(const ddla_op *op, int index, const ddla_op_case_options *options,
                         const ddla_kernel *kernel);

/* Forward; then backward where the case trains, with everything overwritten that backward does not
 * claim to read. Fails where a guard is overwritten, an input or a gradient of an output is
 * changed, or a result is not finite. */
ddla_status ddla_op_run_forward(ddla_op_run *run);
ddla_status ddla_op_run_backward(ddla_op_run *run);

/* Largest root mean square of a difference between results of a and b, over that of a's. */
double ddla_op_run_distance(const ddla_op_run *a, const ddla_op_run *b);

/* Results of b agree with those of a within 1e-4 of the element and 5e-5 of the tensor's root mean
 * square, where b's kernel rounds to bf16 in its own way within what that makes; or have the same
 * bits. */
ddla_status ddla_op_run_compare(const ddla_op_run *a, const ddla_op_run *b);
ddla_status ddla_op_run_same_bits(const ddla_op_run *a, const ddla_op_run *b);

/* Between forward and backward, where b's kernel rounds in its own way: compares the outputs with
 * a's and then takes those over, so that a relu's gate, which backward reads off them, does not
 * open for a number that only rounding made positive. */
ddla_status ddla_op_run_adopt(const ddla_op_run *a, ddla_op_run *b);

/* Work of one forward, in floating point operations or elements. */
double ddla_op_run_cost(const ddla_op *op, int index);

/* The kernel that runs the plain reference. */
const ddla_kernel *ddla_op_run_reference(void);

#endif
