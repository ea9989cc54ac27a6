#include "op/op_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "op/sample.h"

enum {
  GUARD_BYTES = 64,
  GUARD_VALUE = 0xa5,
  ARRAYS_MAX = 2 * (DDLA_OP_INPUTS_MAX + DDLA_OP_OUTPUTS_MAX) + 2
};

int ddla_op_case_count(const ddla_op *op) {
  int count = 0;
  ddla_rng rng = ddla_rng_make(0);
  for (ddla_op_call call = {.op = op}; op->sample(count, &rng, &call);
       call = (ddla_op_call){.op = op})
    count++;
  return count;
}

size_t ddla_op_case_bytes(const ddla_tensor *tensor) {
  return (size_t)ddla_shape_count(&tensor->shape) * ddla_dtype_bytes(tensor->dtype);
}

ddla_status ddla_op_case_describe(ddla_op_case *out, const ddla_op *op, int index,
                                  const ddla_op_case_options *options) {
  ddla_op_case made = {.call.op = op};
  if (options) made.options = *options;
  DDLA_ASSERT(made.options.offset_bytes >= 0 && made.options.offset_bytes % 8 == 0);
  ddla_rng rng =
      ddla_rng_make(ddla_rng_key(made.options.seed, DDLA_PURPOSE_TEST, (uint64_t)index, 0));
  if (!op->sample(index, &rng, &made.call))
    return DDLA_FAIL(INVALID, "%s: there is no case %d", op->name, index);
  if (made.call.input_count < 1 || made.call.input_count > DDLA_OP_INPUTS_MAX)
    return DDLA_FAIL(INVALID, "%s: case %d has %d inputs", op->name, index, made.call.input_count);
  made.call.training = !made.options.inference;
  made.call.precision = made.options.precision;
  made.call.packs = made.options.packs;
  made.call.parameter_version = made.options.packs ? 1 : 0;
  for (int i = 0; i < made.call.input_count; i++) {
    made.call.parameter_id[i] = made.options.packs && i > 0 ? i : -1;
    made.call.wants_grad[i] = made.call.training && op->backward &&
                              made.call.input[i].dtype == DDLA_F32 && made.call.present[i] &&
                              !(made.options.unwanted >> i & 1);
  }
  DDLA_TRY(ddla_op_infer(&made.call));
  *out = made;
  return DDLA_OK;
}

/* One array of a case: where its address belongs, and its size. */
typedef struct array {
  void **address;
  size_t bytes;
  const char *name;
  int index;
  bool shifted; /* by the option offset_bytes */
} array;

static void add_tensor(array *arrays, int *count, ddla_tensor *tensor, const char *name,
                       int index) {
  arrays[(*count)++] = (array){&tensor->data, ddla_op_case_bytes(tensor), name, index, true};
}

/* Every array of the case, in the order in which they lie in the block. */
static int list_arrays(array arrays[ARRAYS_MAX], ddla_op_call *call) {
  int count = 0;
  for (int i = 0; i < call->input_count; i++) {
    if (!call->present[i]) continue;
    add_tensor(arrays, &count, &call->input[i], "input", i);
    if (call->wants_grad[i])
      add_tensor(arrays, &count, &call->input_grad[i], "gradient of input", i);
  }
  for (int i = 0; i < call->output_count; i++) {
    add_tensor(arrays, &count, &call->output[i], "output", i);
    if (call->training && i == 0)
      add_tensor(arrays, &count, &call->output_grad[i], "gradient of output", i);
  }
  if (call->saved_bytes)
    arrays[count++] = (array){&call->saved, call->saved_bytes, "saved", 0, false};
  if (call->scratch_bytes)
    arrays[count++] = (array){&call->scratch, call->scratch_bytes, "scratch", 0, false};
  return count;
}

static size_t align(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t start_of(const ddla_op_case *op_case, const array *row, size_t at) {
  return align(at + GUARD_BYTES) + (row->shifted ? (size_t)op_case->options.offset_bytes : 0);
}

static void fill_input(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_tensor *x = &call->input[input];
  if (!call->present[input]) return;
  if (call->op->fill) call->op->fill(call, input, rng);
  else ddla_op_fill_normal(x, rng, 1);
}

void ddla_op_case_refill(ddla_op_case *op_case, uint64_t seed) {
  ddla_op_call *call = &op_case->call;
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 1, 0));
  for (int i = 0; i < call->input_count; i++) fill_input(call, i, &rng);
  ddla_tensor *grad = &call->output_grad[0];
  if (!grad->data) return;
  if (grad->dtype == DDLA_F32) ddla_op_fill_normal(grad, &rng, 1);
  if (grad->dtype == DDLA_F64) *(double *)grad->data = 0.5 + (double)ddla_rng_uniform(&rng);
}

ddla_status ddla_op_case_allocate(ddla_op_case *op_case) {
  array arrays[ARRAYS_MAX];
  const int count = list_arrays(arrays, &op_case->call);
  size_t end = 0;
  for (int i = 0; i < count; i++) end = start_of(op_case, &arrays[i], end) + arrays[i].bytes;
  op_case->block_bytes = align(end + GUARD_BYTES);
  DDLA_TRY(DDLA_NEW(op_case->block, op_case->block_bytes));
  memset(op_case->block, GUARD_VALUE, op_case->block_bytes);
  end = 0;
  for (int i = 0; i < count; i++) {
    size_t start = start_of(op_case, &arrays[i], end);
    *arrays[i].address = op_case->block + start;
    memset(op_case->block + start, 0xff, arrays[i].bytes);
    end = start + arrays[i].bytes;
  }
  if (!op_case->options.unfilled) ddla_op_case_refill(op_case, op_case->options.seed);
  return DDLA_OK;
}

void ddla_op_case_free(ddla_op_case *op_case) {
  array arrays[ARRAYS_MAX];
  if (op_case->block) {
    const int count = list_arrays(arrays, &op_case->call);
    for (int i = 0; i < count; i++) *arrays[i].address = NULL;
  }
  ddla_free(op_case->block);
  op_case->block = NULL;
}

static bool is_guard(const ddla_op_case *op_case, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++)
    if (op_case->block[i] != GUARD_VALUE) return false;
  return true;
}

ddla_status ddla_op_case_check(const ddla_op_case *op_case) {
  array arrays[ARRAYS_MAX];
  ddla_op_call call = op_case->call;
  const int count = list_arrays(arrays, &call);
  size_t end = 0;
  for (int i = 0; i < count; i++) {
    size_t start = start_of(op_case, &arrays[i], end);
    if (!is_guard(op_case, end, start))
      return DDLA_FAIL(INTERNAL, "%s: bytes before %s %d were overwritten", call.op->name,
                       arrays[i].name, arrays[i].index);
    end = start + arrays[i].bytes;
  }
  if (is_guard(op_case, end, op_case->block_bytes)) return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "%s: bytes after %s %d were overwritten", call.op->name,
                   arrays[count - 1].name, arrays[count - 1].index);
}
