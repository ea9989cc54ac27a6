/* What the conformance tests of ops and kernels share: a sample case that a kernel runs. Failures
 * are statuses with words, so that a loop over tables can say where it stood. */
#ifndef DDLA_TESTS_OP_RUN_H
#define DDLA_TESTS_OP_RUN_H

#include "backend/kernel.h"
#include "op/op_case.h"

typedef struct op_run {
  ddla_op_case op_case;
  const ddla_kernel *kernel;
  ddla_kernel_state *state;
  bool prepared;
} op_run;

/* A check of one sample case; called by for_each_case. */
typedef ddla_status (*op_check)(const ddla_op *op, int index);

/* Runs check on every case of every op; fails the test with op, case and message. */
void for_each_case(op_check check);

/* Case `index` of op, prepared for kernel, allocated and filled. Close takes a zeroed run too. */
ddla_status op_run_open(op_run *run, const ddla_op *op, int index,
                        const ddla_op_case_options *options, const ddla_kernel *kernel);
void op_run_close(op_run *run);

/* Whether the kernel takes this case under these options. */
bool op_run_accepts(const ddla_op *op, int index, const ddla_op_case_options *options,
                    const ddla_kernel *kernel);

/* Forward; then backward where the case trains, with everything overwritten that backward does not
 * claim to read. Fails where a guard is overwritten, an input or a gradient of an output is
 * changed, or a result is not finite. */
ddla_status op_run_forward(op_run *run);
ddla_status op_run_backward(op_run *run);

/* Largest root mean square of a difference between results of a and b, over that of a's. */
double op_run_distance(const op_run *a, const op_run *b);

/* Results of b agree with those of a within 1e-4 of the element and 5e-5 of the tensor's root mean
 * square, where b's kernel rounds to bf16 in its own way within what that makes; or have the same
 * bits. */
ddla_status op_run_compare(const op_run *a, const op_run *b);
ddla_status op_run_same_bits(const op_run *a, const op_run *b);

/* Between forward and backward, where b's kernel rounds in its own way: compares the outputs with
 * a's and then takes those over, so that a relu's gate, which backward reads off them, does not
 * open for a number that only rounding made positive. */
ddla_status op_run_adopt(const op_run *a, op_run *b);

/* Work of one forward, in floating point operations or elements. */
double op_run_cost(const ddla_op *op, int index);

/* The kernel that runs the plain reference. */
const ddla_kernel *op_run_reference(void);

#endif
