#include "backend/op_run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const ddla_kernel *ddla_op_run_reference(void) {
  int count = 0;
  const ddla_kernel *const *rows = ddla_kernel_table(&count);
  return rows[count - 1];
}

double ddla_op_run_cost(const ddla_op *op, int index) {
  ddla_op_case op_case = {0};
  if (ddla_op_case_describe(&op_case, op, index, NULL) != DDLA_OK) return 0;
  if (op->flops) return op->flops(&op_case.call);
  double elements = 0;
  for (int i = 0; i < op_case.call.input_count; i++)
    elements += (double)ddla_shape_count(&op_case.call.input[i].shape);
  return 4 * elements;
}

bool ddla_op_run_accepts(const ddla_op *op, int index, const ddla_op_case_options *options,
                         const ddla_kernel *kernel) {
  ddla_op_case op_case = {0};
  return ddla_op_case_describe(&op_case, op, index, options) == DDLA_OK &&
         ddla_kernel_accepts(kernel, &op_case.call);
}

ddla_status ddla_op_run_open(ddla_op_run *run, const ddla_op *op, int index,
                             const ddla_op_case_options *options, const ddla_kernel *kernel) {
  *run = (ddla_op_run){.kernel = kernel};
  DDLA_TRY(ddla_op_case_describe(&run->op_case, op, index, options));
  DDLA_TRY(kernel->prepare(&run->state, &run->op_case.call));
  run->prepared = true;
  return ddla_op_case_allocate(&run->op_case);
}

void ddla_op_run_close(ddla_op_run *run) {
  if (run->prepared) run->kernel->destroy(run->state);
  ddla_op_case_free(&run->op_case);
  *run = (ddla_op_run){0};
}

static uint64_t hash_tensor(uint64_t hash, const ddla_tensor *tensor) {
  const uint8_t *bytes = tensor->data;
  size_t left = bytes ? ddla_op_case_bytes(tensor) : 0;
  for (uint64_t word = 0; left > 0; left -= left < 8 ? left : 8, bytes += 8, word = 0) {
    memcpy(&word, bytes, left < 8 ? left : 8);
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
  }
  return hash;
}

static uint64_t hash_sources(const ddla_op_call *call) {
  uint64_t hash = 1;
  for (int i = 0; i < call->input_count; i++) hash = hash_tensor(hash, &call->input[i]);
  for (int i = 0; i < call->output_count; i++) hash = hash_tensor(hash, &call->output_grad[i]);
  return hash;
}

static double element(const ddla_tensor *tensor, int64_t i) {
  switch (tensor->dtype) {
  case DDLA_F64: return ((const double *)tensor->data)[i];
  case DDLA_I32: return (double)((const int32_t *)tensor->data)[i];
  default: return (double)((const float *)tensor->data)[i];
  }
}

static ddla_status check_finite(const ddla_tensor *tensor, const char *name, int index) {
  if (!tensor->data) return DDLA_OK;
  for (int64_t i = 0; i < ddla_shape_count(&tensor->shape); i++)
    if (!isfinite(element(tensor, i)))
      return DDLA_FAIL(INTERNAL, "element %" PRId64 " of %s %d is %g", i, name, index,
                       element(tensor, i));
  return DDLA_OK;
}

ddla_status ddla_op_run_forward(ddla_op_run *run) {
  const ddla_op_call *call = &run->op_case.call;
  uint64_t before = hash_sources(call);
  DDLA_TRY(run->kernel->forward(run->state, call));
  DDLA_TRY(ddla_op_case_check(&run->op_case));
  if (hash_sources(call) != before) return DDLA_FAIL(INTERNAL, "forward changed an input");
  for (int i = 0; i < call->output_count; i++)
    DDLA_TRY(check_finite(&call->output[i], "output", i));
  return DDLA_OK;
}

/* Overwrites with NaN what backward says it does not read; the values go to `kept` and come back
 * with restore. */
static void hide_unread(ddla_op_call *call, ddla_op_call *kept, ddla_op_case *spare) {
  *kept = *call;
  if (call->scratch_bytes) memset(call->scratch, 0xff, call->scratch_bytes);
  for (int i = 0; i < call->input_count; i++)
    if (!call->backward_reads_input[i]) call->input[i].data = spare->call.input[i].data;
  for (int i = 0; i < call->output_count; i++)
    if (!call->backward_reads_output[i]) call->output[i].data = spare->call.output[i].data;
}

/* A second set of arrays of the same shapes, all NaN (integers: -1). */
static ddla_status make_spare(ddla_op_case *spare, const ddla_op_case *op_case) {
  *spare = *op_case;
  spare->block = NULL;
  spare->options.unfilled = true;
  return ddla_op_case_allocate(spare);
}

static bool has_backward(const ddla_op_call *call) {
  bool wanted = false;
  for (int i = 0; i < call->input_count; i++) wanted |= call->wants_grad[i];
  return wanted;
}

ddla_status ddla_op_run_backward(ddla_op_run *run) {
  ddla_op_call *call = &run->op_case.call, kept = {0};
  ddla_op_case spare = {0};
  ddla_status status = DDLA_OK;
  if (!has_backward(call)) return DDLA_OK;
  uint64_t before = hash_sources(call);
  DDLA_TRY_CLEAN(status, make_spare(&spare, &run->op_case));
  hide_unread(call, &kept, &spare);
  status = run->kernel->backward(run->state, call);
  *call = kept;
  if (status != DDLA_OK) goto cleanup;
  DDLA_TRY_CLEAN(status, ddla_op_case_check(&run->op_case));
  DDLA_TRY_CLEAN(status, ddla_op_case_check(&spare));
  for (int i = 0; i < call->input_count; i++)
    DDLA_TRY_CLEAN(status, check_finite(&call->input_grad[i], "gradient of input", i));
  if (hash_sources(call) != before) status = DDLA_FAIL(INTERNAL, "backward changed an input");
cleanup:
  ddla_op_case_free(&spare);
  return status;
}

static double root_mean_square(const ddla_tensor *tensor) {
  double sum = 0;
  int64_t count = ddla_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) sum += element(tensor, i) * element(tensor, i);
  return sqrt(sum / (double)count);
}

static double tensor_distance(const ddla_tensor *a, const ddla_tensor *b) {
  double sum = 0;
  const int64_t count = a->data && b->data ? ddla_shape_count(&a->shape) : 0;
  for (int64_t i = 0; i < count; i++) {
    const double off = element(a, i) - element(b, i);
    sum += off * off;
  }
  const double scale = count ? root_mean_square(a) : 0;
  return scale > 0 ? sqrt(sum / (double)count) / scale : 0;
}

static ddla_status compare_within(const ddla_tensor *a, const ddla_tensor *b, const char *name,
                                  int index, double tolerance) {
  if (!a->data && !b->data) return DDLA_OK;
  const double scale = root_mean_square(a);
  for (int64_t i = 0; i < ddla_shape_count(&a->shape); i++) {
    double wanted = element(a, i), found = element(b, i);
    if (!(fabs(wanted - found) <= tolerance * (2 * fabs(wanted) + scale)))
      return DDLA_FAIL(INTERNAL,
                       "element %" PRId64 " of %s %d is %.9g, wanted %.9g (root mean square %.3g)",
                       i, name, index, found, wanted, scale);
  }
  return DDLA_OK;
}

static ddla_status compare_tensor(const ddla_tensor *a, const ddla_tensor *b, const char *name,
                                  int index) {
  return compare_within(a, b, name, index, 5e-5);
}

/* Rounding to bf16 is off by 2^-9 / sqrt 3 = 0.0011 in the mean. Where a kernel rounds not the
 * operands but what it makes of them, the result of Winograd's F(4x4, 3x3) is off by some ten times
 * that (measured; its transforms add numbers that cancel later), and a rare one by a few times
 * more. An element that is summed wrongly is off by about the root mean square. */
static ddla_status compare_coarse(const ddla_tensor *a, const ddla_tensor *b, const char *name,
                                  int index) {
  const double most = 0.02, off = tensor_distance(a, b);
  if (!(off <= most))
    return DDLA_FAIL(INTERNAL, "%s %d is %.3g of its root mean square off", name, index, off);
  return compare_within(a, b, name, index, 5 * most);
}

static ddla_status same_tensor(const ddla_tensor *a, const ddla_tensor *b, const char *name,
                               int index) {
  if (!a->data && !b->data) return DDLA_OK;
  if (memcmp(a->data, b->data, ddla_op_case_bytes(a)) == 0) return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "%s %d differs in its bits from a run elsewhere", name, index);
}

double ddla_op_run_distance(const ddla_op_run *a, const ddla_op_run *b) {
  const ddla_op_call *left = &a->op_case.call, *right = &b->op_case.call;
  double most = 0;
  for (int i = 0; i < left->output_count; i++)
    most = fmax(most, tensor_distance(&left->output[i], &right->output[i]));
  for (int i = 0; i < left->input_count; i++)
    most = fmax(most, tensor_distance(&left->input_grad[i], &right->input_grad[i]));
  return most;
}

typedef ddla_status (*tensor_check)(const ddla_tensor *a, const ddla_tensor *b, const char *name,
                                    int index);

static ddla_status check_results(const ddla_op_run *a, const ddla_op_run *b, tensor_check check) {
  const ddla_op_call *left = &a->op_case.call, *right = &b->op_case.call;
  for (int i = 0; i < left->output_count; i++)
    DDLA_TRY(check(&left->output[i], &right->output[i], "output", i));
  for (int i = 0; i < left->input_count; i++)
    if (left->wants_grad[i] && right->wants_grad[i])
      DDLA_TRY(check(&left->input_grad[i], &right->input_grad[i], "gradient of input", i));
  return DDLA_OK;
}

/* Kernels of libraries round operands as the reference does; only the order of sums differs. */
static bool is_coarse(const ddla_op_run *run) {
  return ddla_op_rounds(&run->op_case.call) && strncmp(run->kernel->name, "native_", 7) == 0;
}

ddla_status ddla_op_run_compare(const ddla_op_run *a, const ddla_op_run *b) {
  return check_results(a, b, is_coarse(b) ? compare_coarse : compare_tensor);
}

ddla_status ddla_op_run_adopt(const ddla_op_run *a, ddla_op_run *b) {
  const ddla_op_call *left = &a->op_case.call, *right = &b->op_case.call;
  for (int i = 0; is_coarse(b) && i < left->output_count; i++) {
    DDLA_TRY(compare_coarse(&left->output[i], &right->output[i], "output", i));
    memcpy(right->output[i].data, left->output[i].data, ddla_op_case_bytes(&left->output[i]));
  }
  return DDLA_OK;
}

ddla_status ddla_op_run_same_bits(const ddla_op_run *a, const ddla_op_run *b) {
  return check_results(a, b, same_tensor);
}
