/* Every kernel against the plain reference, on every sample case of its op that it accepts: equal
 * results within a tolerance, the same bits again and elsewhere in memory, nothing written where
 * nothing may be written, nothing read in backward that was not declared. The reference passes as
 * the table's last row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/op_run.h"
#include "backend/pack.h"
#include "cases.h"

static ddla_status run(ddla_op_run *out, const ddla_op *op, int index,
                       const ddla_op_case_options *options, const ddla_kernel *kernel) {
  DDLA_TRY(ddla_op_run_open(out, op, index, options, kernel));
  DDLA_TRY(ddla_op_run_forward(out));
  return ddla_op_run_backward(out);
}

/* One kernel under these options against `wanted`. */
static ddla_status compare(const ddla_op_run *wanted, const ddla_kernel *kernel, int index,
                           const ddla_op_case_options *options) {
  const ddla_op *op = wanted->op_case.call.op;
  if (!ddla_op_run_accepts(op, index, options, kernel)) return DDLA_OK;
  ddla_op_run found = {0};
  ddla_status status = ddla_op_run_open(&found, op, index, options, kernel);
  if (status == DDLA_OK) status = ddla_op_run_forward(&found);
  if (status == DDLA_OK) status = ddla_op_run_adopt(wanted, &found);
  if (status == DDLA_OK) status = ddla_op_run_backward(&found);
  if (status == DDLA_OK) status = ddla_op_run_compare(wanted, &found);
  ddla_op_run_close(&found);
  if (status == DDLA_OK) return status;
  return ddla_status_prefix(status, "%s at %s (offset %d, unwanted %u%s): ", kernel->name,
                            ddla_precision_name(options->precision), options->offset_bytes,
                            options->unwanted, options->inference ? ", inference" : "");
}

static const ddla_op_case_options variants[] = {
    {0},
    {.unwanted = 1},
    {.unwanted = 2},
    {.unwanted = 4},
    {.unwanted = 6},
    {.unwanted = 5},
    {.offset_bytes = 8},
    {.offset_bytes = 16},
};

static ddla_status check_variants(const ddla_op_run *wanted, const ddla_kernel *kernel, int index) {
  const ddla_precision precision = wanted->op_case.call.precision;
  double cost = ddla_op_run_cost(wanted->op_case.call.op, index);
  int count = cost > 1e6 ? 1 : (int)(sizeof variants / sizeof variants[0]);
  for (int i = 0; i < count; i++) {
    ddla_op_case_options options = variants[i];
    options.precision = precision;
    DDLA_TRY(compare(wanted, kernel, index, &options));
  }
  return DDLA_OK;
}

static ddla_status check_against(const ddla_op *op, int index,
                                 const ddla_op_case_options *options) {
  ddla_op_run wanted = {0};
  int count = 0;
  const ddla_kernel *const *kernels = ddla_kernel_table(&count);
  ddla_status status = run(&wanted, op, index, options, ddla_op_run_reference());
  for (int k = 0; k < count && status == DDLA_OK; k++) {
    if (k == count - 1 && ddla_op_run_cost(op, index) > 1e7)
      continue; /* the reference against itself */
    status = options->inference ? compare(&wanted, kernels[k], index, options)
                                : check_variants(&wanted, kernels[k], index);
  }
  ddla_op_run_close(&wanted);
  return status;
}

static ddla_status check_training(const ddla_op *op, int index) {
  return check_against(op, index, &(ddla_op_case_options){0});
}

static ddla_status check_inference(const ddla_op *op, int index) {
  return check_against(op, index, &(ddla_op_case_options){.inference = true});
}

/* The reference at bf16 is the plain reference on rounded operands. */
static ddla_status check_training_bf16(const ddla_op *op, int index) {
  if (!op->operands) return DDLA_OK;
  return check_against(op, index, &(ddla_op_case_options){.precision = DDLA_PRECISION_BF16});
}

static ddla_status check_inference_bf16(const ddla_op *op, int index) {
  if (!op->operands) return DDLA_OK;
  return check_against(
      op, index, &(ddla_op_case_options){.inference = true, .precision = DDLA_PRECISION_BF16});
}

static void kernels_agree_with_the_reference(void **state) {
  (void)state;
  for_each_case(check_training);
}

static void kernels_agree_without_training(void **state) {
  (void)state;
  for_each_case(check_inference);
}

static void kernels_agree_with_the_reference_at_bf16(void **state) {
  (void)state;
  for_each_case(check_training_bf16);
}

static void kernels_agree_without_training_at_bf16(void **state) {
  (void)state;
  for_each_case(check_inference_bf16);
}

/* bf16 has eight bits of significand: what it rounds differs by more than a millionth, and by less
 * than what a few roundings of 2^-9 make. A reference that did not round would pass every other
 * test. */
static ddla_status check_difference(const ddla_op *op, int index) {
  ddla_op_run fp32 = {0}, bf16 = {0};
  ddla_status status = DDLA_OK;
  const ddla_op_case_options options = {.precision = DDLA_PRECISION_BF16};
  if (!op->operands || ddla_op_run_cost(op, index) > 1e7) return DDLA_OK;
  DDLA_TRY_CLEAN(status, run(&fp32, op, index, NULL, ddla_op_run_reference()));
  DDLA_TRY_CLEAN(status, run(&bf16, op, index, &options, ddla_op_run_reference()));
  const double off = ddla_op_run_distance(&fp32, &bf16);
  if (off < 1e-6 || off > 0.05)
    status = DDLA_FAIL(INTERNAL, "bf16 and fp32 are %.3g of the root mean square apart", off);
cleanup:
  ddla_op_run_close(&fp32);
  ddla_op_run_close(&bf16);
  return status;
}

static void the_reference_rounds_at_bf16(void **state) {
  (void)state;
  for_each_case(check_difference);
}

/* The same state run again on the same data, with other data in between, gives the same bits. */
static ddla_status run_again(ddla_op_run *again, const ddla_op_run *first) {
  ddla_op_case_refill(&again->op_case, 99);
  DDLA_TRY(ddla_op_run_forward(again));
  DDLA_TRY(ddla_op_run_backward(again));
  ddla_op_case_refill(&again->op_case, again->op_case.options.seed);
  DDLA_TRY(ddla_op_run_forward(again));
  DDLA_TRY(ddla_op_run_backward(again));
  return ddla_op_run_same_bits(first, again);
}

static ddla_status check_bits_of(const ddla_kernel *kernel, const ddla_op *op, int index,
                                 ddla_precision precision) {
  static const int offsets[] = {0, 8, 16, 32};
  const ddla_op_case_options plain = {.precision = precision};
  if (!ddla_op_run_accepts(op, index, &plain, kernel)) return DDLA_OK;
  ddla_op_run first = {0}, other = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, run(&first, op, index, &plain, kernel));
  for (size_t i = ddla_op_run_cost(op, index) > 1e6 ? 2 : 0; i < sizeof offsets / sizeof *offsets;
       i++) {
    const ddla_op_case_options moved = {.offset_bytes = offsets[i], .precision = precision};
    DDLA_TRY_CLEAN(status, run(&other, op, index, &moved, kernel));
    DDLA_TRY_CLEAN(status, ddla_op_run_same_bits(&first, &other));
    DDLA_TRY_CLEAN(status, run_again(&other, &first));
    ddla_op_run_close(&other);
  }
cleanup:
  ddla_op_run_close(&first);
  ddla_op_run_close(&other);
  if (status == DDLA_OK) return status;
  return ddla_status_prefix(status, "%s at %s: ", kernel->name, ddla_precision_name(precision));
}

static ddla_status check_bits(const ddla_op *op, int index) {
  int count = 0;
  const ddla_kernel *const *kernels = ddla_kernel_table(&count);
  for (int k = 0; k < count; k++) {
    if (k == count - 1 && ddla_op_run_cost(op, index) >= 1e7) continue;
    DDLA_TRY(check_bits_of(kernels[k], op, index, DDLA_PRECISION_FP32));
    if (op->operands) DDLA_TRY(check_bits_of(kernels[k], op, index, DDLA_PRECISION_BF16));
  }
  return DDLA_OK;
}

static void bits_depend_on_nothing_but_the_data(void **state) {
  (void)state;
  for_each_case(check_bits);
}

static ddla_status set_version(ddla_op_run *run, uint64_t version, const ddla_op_run *wanted) {
  run->op_case.call.parameter_version = version;
  ddla_op_case_refill(&run->op_case, version);
  DDLA_TRY(ddla_op_run_forward(run));
  if (wanted) DDLA_TRY(ddla_op_run_adopt(wanted, run));
  return ddla_op_run_backward(run);
}

/* Packed weights: two runs (lanes) share a cache, and a new version of the parameters replaces what
 * was packed. */
static ddla_status check_packs_of(const ddla_kernel *kernel, const ddla_op *op, int index,
                                  ddla_precision precision) {
  ddla_op_case_options options = {.precision = precision};
  const ddla_op_case_options plain = options;
  ddla_op_run wanted = {0}, lane[2] = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_pack_cache_create(&options.packs));
  DDLA_TRY_CLEAN(status, ddla_op_run_open(&wanted, op, index, &plain, ddla_op_run_reference()));
  for (int i = 0; i < 2; i++)
    DDLA_TRY_CLEAN(status, ddla_op_run_open(&lane[i], op, index, &options, kernel));
  for (uint64_t version = 1; version < 4; version++) {
    DDLA_TRY_CLEAN(status, set_version(&wanted, version, NULL));
    for (int i = 0; i < 2; i++) {
      DDLA_TRY_CLEAN(status, set_version(&lane[i], version, &wanted));
      DDLA_TRY_CLEAN(status, ddla_op_run_compare(&wanted, &lane[i]));
    }
  }
cleanup:
  for (int i = 0; i < 2; i++) ddla_op_run_close(&lane[i]);
  ddla_op_run_close(&wanted);
  ddla_pack_cache_destroy(options.packs);
  if (status == DDLA_OK) return status;
  return ddla_status_prefix(status, "%s at %s, packed: ", kernel->name,
                            ddla_precision_name(precision));
}

static ddla_status check_packs(const ddla_op *op, int index) {
  int count = 0;
  const ddla_kernel *const *kernels = ddla_kernel_table(&count);
  for (int p = DDLA_PRECISION_FP32; p <= DDLA_PRECISION_BF16; p++) {
    const ddla_op_case_options options = {.precision = (ddla_precision)p};
    if (p != DDLA_PRECISION_FP32 && !op->operands) continue;
    for (int k = 0; k < count - 1 && ddla_op_run_cost(op, index) < 1e8; k++)
      if (ddla_op_run_accepts(op, index, &options, kernels[k]))
        DDLA_TRY(check_packs_of(kernels[k], op, index, options.precision));
  }
  return DDLA_OK;
}

static void packed_weights_follow_their_version(void **state) {
  (void)state;
  for_each_case(check_packs);
}

/* Of equal values the first wins, in every kernel of max_pool that trains: else two machines with
 * other kernels would send gradients to other pixels. */
static ddla_status check_ties_of(const ddla_kernel *kernel, int index) {
  const ddla_op *op = ddla_op_find("max_pool");
  const ddla_op_case_options options = {0};
  if (!ddla_op_run_accepts(op, index, &options, kernel)) return DDLA_OK;
  ddla_op_run wanted = {0}, found = {0};
  ddla_op_run *runs[] = {&wanted, &found};
  ddla_status status = DDLA_OK;
  for (int i = 0; i < 2; i++) {
    DDLA_TRY_CLEAN(status, ddla_op_run_open(runs[i], op, index, &options,
                                            i ? kernel : ddla_op_run_reference()));
    ddla_tensor *x = &runs[i]->op_case.call.input[0];
    memset(x->data, 0, ddla_op_case_bytes(x));
    DDLA_TRY_CLEAN(status, ddla_op_run_forward(runs[i]));
    DDLA_TRY_CLEAN(status, ddla_op_run_backward(runs[i]));
  }
  status = ddla_op_run_compare(&wanted, &found);
cleanup:
  ddla_op_run_close(&wanted);
  ddla_op_run_close(&found);
  return status == DDLA_OK ? status
                           : ddla_status_prefix(status, "%s, case %d: ", kernel->name, index);
}

static void first_of_equal_values_wins(void **state) {
  (void)state;
  int count = 0;
  const ddla_kernel *const *kernels = ddla_kernel_table(&count);
  for (int k = 0; k < count; k++)
    for (int index = 0; index < ddla_op_case_count(ddla_op_find("max_pool")); index++) {
      ddla_status status = check_ties_of(kernels[k], index);
      if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
    }
}

/* Says what each kernel was compared on, so that a kernel that refuses everything does not pass
 * unseen. The reference takes every case. */
static void coverage_is_told(void **state) {
  (void)state;
  int kernel_count = 0, op_count = 0, cases = 0, taken = 0, bf16 = 0;
  const ddla_kernel *const *kernels = ddla_kernel_table(&kernel_count);
  const ddla_op *const *ops = ddla_op_table(&op_count);
  for (int k = 0; k < kernel_count; k++) {
    cases = taken = bf16 = 0;
    for (int i = 0; i < op_count; i++)
      for (int index = 0; index < ddla_op_case_count(ops[i]); index++) {
        if (kernels[k]->op && strcmp(kernels[k]->op, ops[i]->name) != 0) continue;
        cases++;
        taken += ddla_op_run_accepts(ops[i], index, &(ddla_op_case_options){0}, kernels[k]);
        bf16 += ops[i]->operands &&
                ddla_op_run_accepts(ops[i], index,
                                    &(ddla_op_case_options){.precision = DDLA_PRECISION_BF16},
                                    kernels[k]);
      }
    print_message("%s takes %d of %d sample cases, %d with operands rounded to bf16\n",
                  kernels[k]->name, taken, cases, bf16);
    assert_true(cases > 0); /* else its op does not exist */
  }
  assert_int_equal(taken, cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_agree_with_the_reference),
      cmocka_unit_test(kernels_agree_without_training),
      cmocka_unit_test(kernels_agree_with_the_reference_at_bf16),
      cmocka_unit_test(kernels_agree_without_training_at_bf16),
      cmocka_unit_test(the_reference_rounds_at_bf16),
      cmocka_unit_test(bits_depend_on_nothing_but_the_data),
      cmocka_unit_test(packed_weights_follow_their_version),
      cmocka_unit_test(first_of_equal_values_wins),
      cmocka_unit_test(coverage_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
