/* Rows of a table picked by number, for gather and scatter_add. The attribute "batch" is the number
 * of leading dimensions that the table and the numbers share: for each of their elements there is a
 * table of its own. */
#ifndef DDLA_OP_ROWS_H
#define DDLA_OP_ROWS_H

#include "op/op.h"

/* Tables [batch, rows, width], numbers [batch, picks], rows picked [batch, picks, width]. */
typedef struct ddla_rows {
  int64_t batch, rows, picks, width;
} ddla_rows;

/* Reads and checks the attribute against the numbers (input 1, i32). Errors: INVALID. */
ddla_status ddla_rows_batch(int *out, const ddla_op_call *call);

/* Every number is in [0, rows). Errors: INVALID naming the place, the number and the range. */
ddla_status ddla_rows_check(const ddla_rows *rows, const int32_t *number);

/* picked[b, m] = table[b, number[b, m]], or added to it. */
void ddla_rows_take(float *picked, const float *table, const int32_t *number,
                    const ddla_rows *rows);
void ddla_rows_take_add(float *picked, const float *table, const int32_t *number,
                        const ddla_rows *rows);

/* table[b, number[b, m]] += picked[b, m], in the order of m. */
void ddla_rows_put_add(float *table, const float *picked, const int32_t *number,
                       const ddla_rows *rows);

/* Numbers of rows into input 1, normal numbers into input 0. */
void ddla_rows_fill(ddla_op_call *call, int input, ddla_rng *rng, int64_t rows);

#endif
