/* Rows of a table by number, copied and summed row by row. The gradient of the table is summed in
 * the order of the indices, as the reference does: the bits are the same. */
#include "op/embedding.h"

#include <string.h>

#include "backend/native/stateless.h"
#include "backend/vector.h"

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_embedding e = ddla_embedding_of(call);
  const float *table = call->input[1].data;
  const float *position = ddla_op_has(call, 2) ? call->input[2].data : NULL;
  DDLA_TRY(ddla_embedding_check(&e));
  for (int64_t i = 0; i < e.count; i++) {
    float *y = (float *)call->output[0].data + i * e.columns;
    const float *row = table + ddla_embedding_row(&e, i) * e.columns;
    if (position) ddla_vector_sum(y, row, position + i % e.length * e.columns, e.columns);
    else memcpy(y, row, (size_t)e.columns * sizeof *y);
  }
  return DDLA_OK;
}

/* The first sequence overwrites, the others add. */
static void sum_sequences(float *to, const float *dy, const ddla_embedding *e, int64_t rows) {
  const int64_t each = e->length * e->columns;
  memcpy(to, dy, (size_t)each * sizeof *to);
  memset(to + each, 0, (size_t)(rows * e->columns - each) * sizeof *to);
  for (int64_t first = e->length; first < e->count; first += e->length)
    ddla_vector_add(to, dy + first * e->columns, each);
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_embedding e = ddla_embedding_of(call);
  const float *dy = call->output_grad[0].data;
  float *table = call->input_grad[1].data;
  if (ddla_op_has(call, 2) && call->input_grad[2].data)
    sum_sequences(call->input_grad[2].data, dy, &e, call->input[2].shape.dim[0]);
  if (!table) return DDLA_OK;
  memset(table, 0, (size_t)(e.rows * e.columns) * sizeof *table);
  for (int64_t i = 0; i < e.count; i++)
    ddla_vector_add(table + ddla_embedding_row(&e, i) * e.columns, dy + i * e.columns, e.columns);
  return DDLA_OK;
}

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return true;
}

const ddla_kernel ddla_kernel_native_embedding = {.name = "native_embedding",
                                                  .op = "embedding",
                                                  .accepts = accepts,
                                                  .prepare = ddla_stateless_prepare,
                                                  .forward = forward,
                                                  .backward = backward,
                                                  .destroy = ddla_stateless_destroy};
