/* Dimensions in another order: dimension i of y is dimension order[i] of x. The identity is an
 * alias. */
#include <inttypes.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status read_order(int order[DDLA_RANK_MAX], const ddla_op_call *call) {
  const int rank = call->input[0].shape.rank;
  bool seen[DDLA_RANK_MAX] = {0};
  bool fits = ddla_attrs_count(&call->attrs, "order") == rank;
  for (int i = 0; fits && i < rank; i++) {
    int64_t axis = ddla_attrs_int(&call->attrs, "order", i, 0);
    fits = axis >= 0 && axis < rank && !seen[axis];
    if (fits) seen[order[i] = (int)axis] = true;
  }
  if (fits) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "input has %s; order must name each of its %d dimensions (from 0) once",
                   ddla_shape_text(text, sizeof text, &call->input[0].shape), rank);
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  int order[DDLA_RANK_MAX] = {0};
  DDLA_TRY(read_order(order, call));
  const ddla_shape *x = &call->input[0].shape;
  ddla_shape y = {.rank = x->rank};
  bool identity = true;
  for (int i = 0; i < y.rank; i++) {
    y.dim[i] = x->dim[order[i]];
    identity &= order[i] == i;
  }
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  if (identity) call->alias = 0;
  return DDLA_OK;
}

/* Place in x of element `index` of y. */
static int64_t source(const ddla_op_call *call, int64_t index) {
  const ddla_shape *x = &call->input[0].shape, *y = &call->output[0].shape;
  int64_t at[DDLA_RANK_MAX] = {0}, place = 0;
  for (int i = y->rank - 1; i >= 0; i--) {
    at[ddla_attrs_int(&call->attrs, "order", i, 0)] = index % y->dim[i];
    index /= y->dim[i];
  }
  for (int i = 0; i < x->rank; i++) place = place * x->dim[i] + at[i];
  return place;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->output[0].shape);
  for (int64_t i = 0; x != y && i < count; i++) y[i] = x[source(call, i)];
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->output[0].shape);
  for (int64_t i = 0; dx != dy && i < count; i++) dx[source(call, i)] += dy[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], order[4];
  } rows[] = {{{5}, {0}},
              {{3, 7}, {1, 0}},
              {{2, 3, 5}, {2, 0, 1}},
              {{2, 3, 4, 5}, {0, 3, 1, 2}},
              {{2, 3, 4, 5}, {0, 1, 2, 3}},
              {{16, 12, 12, 64}, {0, 3, 1, 2}}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].x);
  ddla_attrs_set_ints(&call->attrs, "order", rows[index].order, call->input[0].shape.rank);
  return true;
}

const ddla_op ddla_op_permute = {.name = "permute",
                                 .math = "dimension i of y is dimension order[i] of x",
                                 .inputs = "x [...]",
                                 .attrs = "order=",
                                 .input_min = 1,
                                 .input_max = 1,
                                 .infer = infer,
                                 .forward = forward,
                                 .backward = backward,
                                 .sample = sample};
