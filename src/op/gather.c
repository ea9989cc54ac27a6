/* Rows of a tensor picked by number. The gradient of a row that is picked several times is the sum
 * over its picks, in their order. */
#include "op/check.h"
#include "op/rows.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  int batch = 0;
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_I32, 0, DDLA_RANK_MAX));
  DDLA_TRY(ddla_rows_batch(&batch, call));
  const ddla_shape *x = &call->input[0].shape, *index = &call->input[1].shape;
  ddla_shape y = *index;
  if (index->rank + x->rank - batch - 1 > DDLA_RANK_MAX) {
    char text[2][96];
    return DDLA_FAIL(INVALID, "input has %s and index has %s; the result would have %d dimensions",
                     ddla_shape_text(text[0], sizeof text[0], x),
                     ddla_shape_text(text[1], sizeof text[1], index),
                     index->rank + x->rank - batch - 1);
  }
  for (int d = batch + 1; d < x->rank; d++) y.dim[y.rank++] = x->dim[d];
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->backward_reads_input[1] = true;
  return DDLA_OK;
}

static ddla_rows rows_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *index = &call->input[1].shape;
  const int batch = (int)ddla_attrs_int(&call->attrs, "batch", 0, 0);
  return (ddla_rows){.batch = ddla_shape_span(x, 0, batch),
                     .rows = x->dim[batch],
                     .picks = ddla_shape_span(index, batch, index->rank),
                     .width = ddla_shape_span(x, batch + 1, x->rank)};
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_rows rows = rows_of(call);
  const int32_t *index = call->input[1].data;
  DDLA_TRY(ddla_rows_check(&rows, index));
  ddla_rows_take(call->output[0].data, call->input[0].data, index, &rows);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_rows rows = rows_of(call);
  ddla_rows_put_add(call->input_grad[0].data, call->output_grad[0].data, call->input[1].data,
                    &rows);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], index[4], batch;
  } rows[] = {{{1}, {1}, 0},
              {{5, 3}, {7}, 0},
              {{4}, {0}, 0},
              {{3, 2, 2}, {2, 5}, 0},
              {{2, 5, 3}, {2, 4}, 1},
              {{2, 5}, {2}, 1},
              {{2, 3, 5, 4}, {2, 3, 2}, 2},
              {{16, 128, 256}, {16, 20}, 1}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].x);
  ddla_op_sample_input(call, 1, DDLA_I32, rows[index].index);
  if (rows[index].batch) ddla_attrs_set_int(&call->attrs, "batch", rows[index].batch);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_rows_fill(call, input, rng, rows_of(call).rows);
}

const ddla_op ddla_op_gather = {
    .name = "gather",
    .math = "y[b.., m.., w..] = x[b.., index[b.., m..], w..], with as many b as batch says",
    .inputs = "x [B..., R, W...], index i32 [B..., M...]",
    .attrs = "batch=0",
    .input_min = 2,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill};
