/* Another shape for the same elements: an alias, nothing is computed. */
#include <inttypes.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status fail_count(const ddla_op_call *call) {
  char text[96];
  const ddla_attrs *attrs = &call->attrs;
  ddla_shape wanted = {.rank = ddla_attrs_count(attrs, "shape")};
  for (int i = 0; i < wanted.rank; i++) wanted.dim[i] = ddla_attrs_int(attrs, "shape", i, 0);
  char words[96];
  return DDLA_FAIL(INVALID, "input has %s, whose elements do not fill the shape %s",
                   ddla_shape_text(text, sizeof text, &call->input[0].shape),
                   ddla_shape_text(words, sizeof words, &wanted));
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 0, DDLA_RANK_MAX));
  const ddla_shape *x = &call->input[0].shape;
  ddla_shape y = {.rank = ddla_attrs_count(&call->attrs, "shape")};
  int open = -1;
  int64_t known = 1, count = ddla_shape_count(x);
  for (int i = 0; i < y.rank; i++) {
    y.dim[i] = ddla_attrs_int(&call->attrs, "shape", i, 0);
    if (y.dim[i] == 0 && i < x->rank) y.dim[i] = x->dim[i];
    if (y.dim[i] == -1 && open >= 0)
      return DDLA_FAIL(INVALID, "only one dimension of the shape can be -1");
    if (y.dim[i] == -1) y.dim[open = i] = 1;
    if (y.dim[i] < 1)
      return DDLA_FAIL(INVALID,
                       "dimension %d of the shape is %" PRId64 "; it can be at least 1, 0 "
                       "(the input's own) or -1 (computed)",
                       i, y.dim[i]);
    if (__builtin_mul_overflow(known, y.dim[i], &known) || known > count || count % known)
      return fail_count(call);
  }
  if (open >= 0) y.dim[open] = count / known;
  if (open < 0 && known != count) return fail_count(call);
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->alias = 0;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; y != x && i < count; i++) y[i] = x[i];
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; dx != dy && i < count; i++) dx[i] += dy[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1, 1}, {3, 5, 2}, {2, 3, 4, 5}, {16, 12, 12, 64}};
  static const int64_t wanted[][3] = {{0, 1, 1}, {0, -1, 5}, {-1, 3, 2}, {0, -1, 1}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  ddla_attrs_set_ints(&call->attrs, "shape", wanted[index], 3);
  return true;
}

const ddla_op ddla_op_reshape = {
    .name = "reshape",
    .math = "y = x with another shape; 0 keeps a dimension, -1 is computed",
    .inputs = "x [...]",
    .attrs = "shape=",
    .input_min = 1,
    .input_max = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
