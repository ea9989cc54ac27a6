#include "op/reduce.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "op/check.h"
#include "op/sample.h"

/* Which dimensions are axes. */
static ddla_status read_axes(bool axis[DDLA_RANK_MAX], const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int count = ddla_attrs_count(&call->attrs, "axes");
  for (int i = 0; i < (count ? count : 1); i++) {
    int64_t a = ddla_attrs_int(&call->attrs, "axes", i, -1);
    if (a < 0) a += x->rank;
    if (a < 0 || a >= x->rank || axis[a]) {
      char text[96];
      return DDLA_FAIL(INVALID, "input has %s; number %d of axes is %" PRId64 ", %s",
                       ddla_shape_text(text, sizeof text, x), i,
                       ddla_attrs_int(&call->attrs, "axes", i, -1),
                       a < 0 || a >= x->rank ? "which it does not have" : "named twice");
    }
    axis[a] = true;
  }
  return DDLA_OK;
}

static ddla_status read_reduction(ddla_reduction *out, ddla_shape *y, const ddla_op_call *call) {
  bool axis[DDLA_RANK_MAX] = {0};
  const int64_t keep = ddla_attrs_int(&call->attrs, "keep", 0, 0);
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(read_axes(axis, call));
  if (keep != 0 && keep != 1)
    return DDLA_FAIL(INVALID, "keep is %" PRId64 "; it can be 0 or 1", keep);
  ddla_reduction made = {.shape = call->input[0].shape, .each = 1};
  int64_t apart = 1;
  for (int d = made.shape.rank - 1; d >= 0; d--) {
    if (axis[d]) made.each *= made.shape.dim[d];
    if (axis[d]) continue;
    made.step[d] = apart;
    apart *= made.shape.dim[d];
  }
  *y = (ddla_shape){.rank = 0};
  for (int d = 0; d < made.shape.rank; d++)
    if (!axis[d] || keep) y->dim[y->rank++] = axis[d] ? 1 : made.shape.dim[d];
  *out = made;
  return DDLA_OK;
}

ddla_status ddla_reduction_infer(ddla_op_call *call) {
  ddla_reduction r = {.each = 1};
  ddla_shape y = {.rank = 0};
  DDLA_TRY(read_reduction(&r, &y, call));
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  return DDLA_OK;
}

ddla_status ddla_reduction_infer_sum(ddla_op_call *call) {
  DDLA_TRY(ddla_reduction_infer(call));
  call->scratch_bytes = (size_t)ddla_shape_count(&call->output[0].shape) * sizeof(double);
  return DDLA_OK;
}

ddla_reduction ddla_reduction_of(const ddla_op_call *call) {
  ddla_reduction r = {.each = 1};
  ddla_shape y = {.rank = 0};
  DDLA_ASSERT(read_reduction(&r, &y, call) == DDLA_OK);
  return r;
}

void ddla_reduction_sum(const ddla_op_call *call, double divisor) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  double *sum = call->scratch;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const int64_t outputs = ddla_shape_count(&call->output[0].shape);
  memset(sum, 0, (size_t)outputs * sizeof *sum);
  for (ddla_reduction r = ddla_reduction_of(call); r.index < count; ddla_reduction_next(&r))
    sum[r.place] += (double)x[r.index];
  for (int64_t i = 0; i < outputs; i++) y[i] = (float)(sum[i] / divisor);
}

void ddla_reduction_spread(const ddla_op_call *call, double divisor) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const float factor = (float)(1 / divisor);
  for (ddla_reduction r = ddla_reduction_of(call); r.index < count; ddla_reduction_next(&r))
    dx[r.index] += dy[r.place] * factor;
}

bool ddla_reduction_sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], axes[4];
    int count, keep;
  } rows[] = {{{1}, {0}, 1, 0},
              {{3, 17}, {0}, 0, 0},
              {{3, 17}, {0}, 1, 1},
              {{2, 3, 5}, {1}, 1, 0},
              {{2, 3, 4, 5}, {-1, 1}, 2, 1},
              {{2, 3, 4, 5}, {0, 2}, 2, 0},
              {{5, 3, 2}, {0, 1, 2}, 3, 0},
              {{7, 1, 3}, {1}, 1, 0},
              {{16, 28, 28, 64}, {1, 2}, 2, 0}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, row->x);
  if (row->count) ddla_attrs_set_ints(&call->attrs, "axes", row->axes, row->count);
  if (row->keep) ddla_attrs_set_int(&call->attrs, "keep", 1);
  return true;
}
