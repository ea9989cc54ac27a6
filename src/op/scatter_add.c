/* Rows added into a tensor of zeros at places given by number, in the rows' order; the transpose of
 * gather. */
#include <inttypes.h>
#include <string.h>

#include "op/check.h"
#include "op/rows.h"
#include "op/sample.h"

static ddla_status check_rows(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *index = &call->input[1].shape;
  bool fits = index->rank <= x->rank;
  for (int d = 0; fits && d < index->rank; d++) fits = x->dim[d] == index->dim[d];
  if (fits) return DDLA_OK;
  char text[2][96];
  return DDLA_FAIL(INVALID, "input has %s and index has %s; index must be as the input's beginning",
                   ddla_shape_text(text[0], sizeof text[0], x),
                   ddla_shape_text(text[1], sizeof text[1], index));
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_I32, 1, DDLA_RANK_MAX));
  DDLA_TRY(check_rows(call));
  const ddla_shape *x = &call->input[0].shape;
  const int64_t rows = ddla_attrs_int(&call->attrs, "rows", 0, 0);
  const int64_t batch = ddla_attrs_int(&call->attrs, "batch", 0, 0);
  const int picks = call->input[1].shape.rank;
  if (batch < 0 || batch >= picks)
    return DDLA_FAIL(INVALID, "batch is %" PRId64 ", but index has %d dimensions", batch, picks);
  if (rows < 1 || rows > INT32_MAX)
    return DDLA_FAIL(INVALID, "rows is %" PRId64 "; it can be 1 to %" PRId32, rows, INT32_MAX);
  ddla_shape y = {.rank = (int)batch + 1};
  for (int d = 0; d < batch; d++) y.dim[d] = x->dim[d];
  y.dim[batch] = rows;
  for (int d = picks; d < x->rank; d++) y.dim[y.rank++] = x->dim[d];
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->backward_reads_input[1] = true;
  return DDLA_OK;
}

static ddla_rows rows_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *index = &call->input[1].shape;
  const int batch = (int)ddla_attrs_int(&call->attrs, "batch", 0, 0);
  return (ddla_rows){.batch = ddla_shape_span(index, 0, batch),
                     .rows = ddla_attrs_int(&call->attrs, "rows", 0, 0),
                     .picks = ddla_shape_span(index, batch, index->rank),
                     .width = ddla_shape_span(x, index->rank, x->rank)};
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_rows rows = rows_of(call);
  const int32_t *index = call->input[1].data;
  DDLA_TRY(ddla_rows_check(&rows, index));
  memset(call->output[0].data, 0, (size_t)ddla_shape_count(&call->output[0].shape) * sizeof(float));
  ddla_rows_put_add(call->output[0].data, call->input[0].data, index, &rows);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_rows rows = rows_of(call);
  ddla_rows_take_add(call->input_grad[0].data, call->output_grad[0].data, call->input[1].data,
                     &rows);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], index[4], rows, batch;
  } rows[] = {{{1}, {1}, 1, 0},
              {{7, 3}, {7}, 5, 0},
              {{2, 5, 3}, {2, 5}, 4, 0},
              {{2, 5, 3}, {2, 5}, 4, 1},
              {{2, 3, 2, 5}, {2, 3, 2}, 3, 2},
              {{16, 20, 256}, {16, 20}, 128, 1}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].x);
  ddla_op_sample_input(call, 1, DDLA_I32, rows[index].index);
  ddla_attrs_set_int(&call->attrs, "rows", rows[index].rows);
  if (rows[index].batch) ddla_attrs_set_int(&call->attrs, "batch", rows[index].batch);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_rows_fill(call, input, rng, rows_of(call).rows);
}

const ddla_op ddla_op_scatter_add = {
    .name = "scatter_add",
    .math = "y[b.., r, w..] = sum of x[b.., m.., w..] over the m with index[b.., m..] = r, with as "
            "many b as batch says",
    .inputs = "x [B..., M..., W...], index i32 [B..., M...]",
    .attrs = "rows= batch=0",
    .input_min = 2,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill};
