#include "op/sample.h"

#include <math.h>

#include "base/assert.h"

void ddla_op_sample_start(ddla_op_call *call, int input_count) {
  const ddla_op *op = call->op;
  *call = (ddla_op_call){.op = op, .input_count = input_count};
  for (int i = 0; i < input_count; i++) call->present[i] = true;
}

void ddla_op_sample_input(ddla_op_call *call, int input, ddla_dtype dtype, const int64_t dim[4]) {
  int rank = 0;
  while (rank < 4 && dim[rank] > 0) rank++;
  call->input[input] = (ddla_tensor){.dtype = dtype, .shape = ddla_shape_make(rank, dim)};
}

bool ddla_op_sample_elementwise(int index, ddla_op_call *call, int inputs) {
  static const int64_t shapes[][4] = {{1, 1}, {3, 17}, {2, 5, 7, 3}, {0}, {16, 26, 26, 32}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, inputs);
  for (int i = 0; i < inputs; i++) ddla_op_sample_input(call, i, DDLA_F32, shapes[index]);
  return true;
}

bool ddla_op_sample_pool(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], kernel[2], stride[2], padding[2];
  } rows[] = {{{1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0}},  {{2, 5, 5, 3}, {2, 2}, {2, 2}, {0, 0}},
              {{1, 6, 7, 2}, {3, 2}, {2, 1}, {1, 0}},  {{2, 4, 4, 5}, {3, 3}, {1, 1}, {1, 1}},
              {{1, 9, 5, 17}, {2, 3}, {3, 2}, {1, 1}}, {{16, 24, 24, 64}, {2, 2}, {2, 2}, {0, 0}}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].x);
  ddla_attrs_set_ints(&call->attrs, "kernel", rows[index].kernel, 2);
  ddla_attrs_set_ints(&call->attrs, "stride", rows[index].stride, 2);
  ddla_attrs_set_ints(&call->attrs, "padding", rows[index].padding, 2);
  return true;
}

bool ddla_op_sample_loss(int index, ddla_op_call *call) {
  static const int64_t shapes[][4] = {{1}, {3, 1}, {5, 7}, {2, 3, 4, 5}, {16, 784}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  ddla_op_sample_input(call, 1, DDLA_F32, shapes[index]);
  return true;
}

/* The sum of four uniform 16-bit numbers, moved and scaled to mean 0 and variance 1 (Irwin and
 * Hall): ten times as fast as Box-Muller, and near enough for samples. */
static float near_normal(ddla_rng *rng) {
  uint64_t bits = ddla_rng_u64(rng);
  int64_t sum =
      (int64_t)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
  return (float)(sum - 2 * 0xffff) * (1.7320508F / 65536);
}

void ddla_op_fill_normal(ddla_tensor *tensor, ddla_rng *rng, float deviation) {
  float *x = tensor->data;
  int64_t count = ddla_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) x[i] = deviation * near_normal(rng);
}

void ddla_op_fill_positive(ddla_tensor *tensor, ddla_rng *rng) {
  float *x = tensor->data;
  int64_t count = ddla_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) x[i] = 0.5F + 2 * ddla_rng_uniform(rng);
}

void ddla_op_fill_odd(ddla_tensor *tensor, ddla_rng *rng, float unit) {
  float *x = tensor->data;
  int64_t count = ddla_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) x[i] = unit * (float)(2 * (int)ddla_rng_below(rng, 8) - 7);
}

void ddla_op_fill_apart(ddla_tensor *tensor, ddla_rng *rng) {
  float *x = tensor->data;
  int64_t count = ddla_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) x[i] = ((float)(i - count / 2) + 0.5F) / 16;
  for (int64_t i = count - 1; i > 0; i--) { /* Fisher and Yates */
    int64_t j = (int64_t)ddla_rng_below(rng, (uint64_t)i + 1);
    float kept = x[i];
    x[i] = x[j];
    x[j] = kept;
  }
}

void ddla_op_fill_below(ddla_tensor *tensor, ddla_rng *rng, uint64_t bound) {
  int64_t count = ddla_shape_count(&tensor->shape);
  DDLA_ASSERT(tensor->dtype == DDLA_I32 || tensor->dtype == DDLA_I64);
  for (int64_t i = 0; i < count; i++) {
    uint64_t value = ddla_rng_below(rng, bound);
    if (tensor->dtype == DDLA_I32) ((int32_t *)tensor->data)[i] = (int32_t)value;
    if (tensor->dtype == DDLA_I64) ((int64_t *)tensor->data)[i] = (int64_t)value;
  }
}

void ddla_op_fill_inputs_apart(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_op_fill_apart(&call->input[input], rng);
}

void ddla_op_fill_weighted(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_tensor *x = &call->input[input];
  const ddla_shape *w = &call->input[1].shape;
  double fan_in = (double)ddla_shape_span(w, 1, w->rank);
  if (ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1)
    ddla_op_fill_odd(x, rng, input == 2 ? 1.0F / 32 : 0.25F);
  else ddla_op_fill_normal(x, rng, input == 1 ? (float)(1 / sqrt(fan_in)) : 1.0F);
}
