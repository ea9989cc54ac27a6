#include "op/rows.h"

#include <inttypes.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

ddla_status ddla_rows_batch(int *out, const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *number = &call->input[1].shape;
  const int64_t batch = ddla_attrs_int(&call->attrs, "batch", 0, 0);
  bool fits = batch >= 0 && batch <= number->rank && batch < x->rank;
  for (int d = 0; fits && d < batch; d++) fits = x->dim[d] == number->dim[d];
  if (!fits) {
    char text[2][96];
    return DDLA_FAIL(
        INVALID, "input has %s and index has %s; they do not share %" PRId64 " leading dimensions",
        ddla_shape_text(text[0], sizeof text[0], x),
        ddla_shape_text(text[1], sizeof text[1], number), batch);
  }
  *out = (int)batch;
  return DDLA_OK;
}

ddla_status ddla_rows_check(const ddla_rows *rows, const int32_t *number) {
  for (int64_t i = 0; i < rows->batch * rows->picks; i++)
    if (number[i] < 0 || number[i] >= rows->rows)
      return DDLA_FAIL(INVALID,
                       "element %" PRId64 " of index is %" PRId32 "; 0 to %" PRId64 " are possible",
                       i, number[i], rows->rows - 1);
  return DDLA_OK;
}

/* The table's row that number i names; i counts through all batches. */
static int64_t place(const ddla_rows *rows, const int32_t *number, int64_t i) {
  return (i / rows->picks * rows->rows + number[i]) * rows->width;
}

void ddla_rows_take(float *picked, const float *table, const int32_t *number,
                    const ddla_rows *rows) {
  for (int64_t i = 0; i < rows->batch * rows->picks; i++)
    memcpy(picked + i * rows->width, table + place(rows, number, i),
           (size_t)rows->width * sizeof *picked);
}

static void add(float *restrict to, const float *restrict from, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

void ddla_rows_take_add(float *picked, const float *table, const int32_t *number,
                        const ddla_rows *rows) {
  for (int64_t i = 0; i < rows->batch * rows->picks; i++)
    add(picked + i * rows->width, table + place(rows, number, i), rows->width);
}

void ddla_rows_put_add(float *table, const float *picked, const int32_t *number,
                       const ddla_rows *rows) {
  for (int64_t i = 0; i < rows->batch * rows->picks; i++)
    add(table + place(rows, number, i), picked + i * rows->width, rows->width);
}

void ddla_rows_fill(ddla_op_call *call, int input, ddla_rng *rng, int64_t rows) {
  if (input == 0) ddla_op_fill_normal(&call->input[0], rng, 1);
  else ddla_op_fill_below(&call->input[1], rng, (uint64_t)rows);
}
