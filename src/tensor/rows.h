/* Gradients by row. Where a step reads few rows of a large table [rows, width], the gradient of the
 * table is a list of these rows with their values. A row that is not in a list is absent, and
 * absent + x is x, bit for bit: what a sum over lists holds follows from the lists' contents, not
 * from who holds which. Everything a list holds lies together, so it is also what would be sent.
 *
 * Threads: plain functions on memory of the caller. */
#ifndef DDLA_TENSOR_ROWS_H
#define DDLA_TENSOR_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One list: a view of memory elsewhere. */
typedef struct ddla_rows {
  int64_t width, capacity; /* floats of a row; rows that there is room for */
  int64_t *count;          /* rows in the list */
  int64_t *row;            /* [count] rising */
  float *value;            /* [count][width] */
} ddla_rows;

/* Values to be added up by row: value number i belongs to row index[i], which is not checked. */
typedef struct ddla_rows_source {
  int64_t count;
  const void *index;  /* [count] */
  bool wide;          /* indices of 64 bits, else of 32 */
  const float *value; /* [count][width] */
  uint64_t *scratch;  /* [2 * count] */
} ddla_rows_source;

/* to = the sum of the source's values by row, in the order of the indices, from the first to the
 * last. count is below 2^31, and so is every index. */
void ddla_rows_sum(const ddla_rows *to, const ddla_rows_source *from);

/* to = to + from by row. The rows of both together have room in `to`. */
void ddla_rows_merge(const ddla_rows *to, const ddla_rows *from);

void ddla_rows_copy(const ddla_rows *to, const ddla_rows *from);

/* First place in the list whose row is not below `row`. */
int64_t ddla_rows_find(const ddla_rows *rows, int64_t row);

#endif
