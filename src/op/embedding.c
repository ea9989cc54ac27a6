/* Rows of a table, looked up by number; where positions are given, the row of the place in the
 * sequence is added. The table's gradient is dense and is summed in the order of the indices, from
 * the first to the last, so its bits depend on nothing else. */
#include <inttypes.h>
#include <string.h>

#include "op/embedding.h"
#include "op/sample.h"

#define TEXT(shape) ddla_shape_text((char[96]){0}, 96, (shape))

static ddla_status check_positions(const ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 2, DDLA_F32, 2, 2));
  const ddla_shape *index = &call->input[0].shape, *table = &call->input[1].shape;
  const ddla_shape *position = &call->input[2].shape;
  if (index->rank < 2)
    return DDLA_FAIL(INVALID, "indices have %s; with positions they must be sequences [...,S]",
                     TEXT(index));
  if (position->dim[1] == table->dim[1] && position->dim[0] >= index->dim[index->rank - 1])
    return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "positions have %s, but indices %s and a table %s want at least %" PRId64
                   " rows of %" PRId64 " columns",
                   TEXT(position), TEXT(index), TEXT(table), index->dim[index->rank - 1],
                   table->dim[1]);
}

static ddla_status infer(ddla_op_call *call) {
  const ddla_dtype dtype = call->input[0].dtype == DDLA_I64 ? DDLA_I64 : DDLA_I32;
  DDLA_TRY(ddla_op_check_input(call, 0, dtype, 1, DDLA_RANK_MAX - 1));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 2, 2));
  if (ddla_op_has(call, 2)) DDLA_TRY(check_positions(call));
  ddla_shape y = call->input[0].shape;
  y.dim[y.rank++] = call->input[1].shape.dim[1];
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  return DDLA_OK;
}

ddla_embedding ddla_embedding_of(const ddla_op_call *call) {
  const ddla_shape *index = &call->input[0].shape, *table = &call->input[1].shape;
  return (ddla_embedding){.count = ddla_shape_count(index),
                          .length = index->dim[index->rank - 1],
                          .rows = table->dim[0],
                          .columns = table->dim[1],
                          .wide = call->input[0].dtype == DDLA_I64,
                          .index = call->input[0].data};
}

ddla_status ddla_embedding_check(const ddla_embedding *e) {
  for (int64_t i = 0; i < e->count; i++) {
    const int64_t row = ddla_embedding_row(e, i);
    if (row < 0 || row >= e->rows)
      return DDLA_FAIL(INVALID,
                       "embedding: index %" PRId64 " is %" PRId64 "; 0 to %" PRId64 " are possible",
                       i, row, e->rows - 1);
  }
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_embedding e = ddla_embedding_of(call);
  const float *table = call->input[1].data;
  const float *position = ddla_op_has(call, 2) ? call->input[2].data : NULL;
  DDLA_TRY(ddla_embedding_check(&e));
  for (int64_t i = 0; i < e.count; i++) {
    float *y = (float *)call->output[0].data + i * e.columns;
    const float *from = table + ddla_embedding_row(&e, i) * e.columns;
    memcpy(y, from, (size_t)e.columns * sizeof *y);
    const float *place = position ? position + i % e.length * e.columns : NULL;
    for (int64_t c = 0; place && c < e.columns; c++) y[c] += place[c];
  }
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_embedding e = ddla_embedding_of(call);
  float *table = call->input_grad[1].data;
  float *position = ddla_op_has(call, 2) ? call->input_grad[2].data : NULL;
  for (int64_t i = 0; i < e.count; i++) {
    const float *dy = (const float *)call->output_grad[0].data + i * e.columns;
    float *row = table ? table + ddla_embedding_row(&e, i) * e.columns : NULL;
    float *place = position ? position + i % e.length * e.columns : NULL;
    for (int64_t c = 0; row && c < e.columns; c++) row[c] += dy[c];
    for (int64_t c = 0; place && c < e.columns; c++) place[c] += dy[c];
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t index[4], table[4], positions;
    ddla_dtype dtype;
  } rows[] = {{{1}, {1, 1}, 0, DDLA_I32},          {{7}, {3, 5}, 0, DDLA_I64},
              {{2, 5}, {4, 17}, 5, DDLA_I32},      {{3, 2, 3}, {11, 7}, 0, DDLA_I32},
              {{2, 3, 4}, {5, 33}, 6, DDLA_I64},   {{4, 9}, {3, 64}, 9, DDLA_I32},
              {{8, 128}, {65, 128}, 128, DDLA_I32}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  ddla_op_sample_start(call, row->positions ? 3 : 2);
  ddla_op_sample_input(call, 0, row->dtype, row->index);
  ddla_op_sample_input(call, 1, DDLA_F32, row->table);
  if (row->positions) call->input[2].shape = DDLA_SHAPE(row->positions, row->table[1]);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  if (input == 0) ddla_op_fill_below(&call->input[0], rng, (uint64_t)call->input[1].shape.dim[0]);
  else ddla_op_fill_normal(&call->input[input], rng, 1);
}

const ddla_op ddla_op_embedding = {
    .name = "embedding",
    .math = "y[...,s,:] = table[index[...,s],:] + position[s,:]",
    .inputs = "index i32 or i64 [...,S], table [V,D], position [P,D] optional, P >= S",
    .input_min = 2,
    .input_max = 3,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill};
