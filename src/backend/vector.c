#include "backend/vector.h"

#include "backend/wide.h"

/* for (each vector of an array): i is its place, n its number of elements. Whole vectors in a loop of their own,
 * so that n is a constant there. */
#define EACH(count, ...)                                                                           \
  do {                                                                                             \
    int64_t i = 0;                                                                                 \
    for (; i + DDLA_WIDE <= (count); i += DDLA_WIDE) {                                             \
      enum { n = DDLA_WIDE };                                                                      \
      __VA_ARGS__;                                                                                 \
    }                                                                                              \
    if (i < (count)) {                                                                             \
      const int n = (int)((count)-i);                                                              \
      __VA_ARGS__;                                                                                 \
    }                                                                                              \
  } while (0)

#define TAKE(p) ddla_wide_take((p) + i, n)

DDLA_INLINE void sum_body(float *to, const float *a, const float *b, int64_t count) {
  EACH(count, ddla_wide_put(to + i, n, TAKE(a) + TAKE(b)));
}

DDLA_INLINE void product_body(float *to, const float *a, const float *b, int64_t count) {
  EACH(count, ddla_wide_put(to + i, n, TAKE(a) * TAKE(b)));
}

DDLA_INLINE void scale_body(float *to, const float *from, float alpha, int64_t count) {
  EACH(count, ddla_wide_put(to + i, n, TAKE(from) * alpha));
}

DDLA_INLINE void mask_body(float *to, const float *from, const float *gate, int64_t count) {
  EACH(count, ddla_wide_put(to + i, n, ddla_wide_keep(TAKE(from), ~(TAKE(gate) <= 0))));
}

/* Four vectors of columns at a time stay in registers over all rows. */
DDLA_INLINE void sum_rows_body(float *to, const float *from, int64_t rows, int64_t columns) {
  enum { W = DDLA_WIDE };
  int64_t c = 0;
  for (; c + 4 * W <= columns; c += 4 * W) {
    const float *row = from + c;
    ddla_wide sum[4] = {{0}, {0}, {0}, {0}};
    for (int64_t r = 0; r < rows; r++, row += columns)
      for (int k = 0; k < 4; k++) sum[k] += ddla_wide_take(row + k * W, W);
    for (int k = 0; k < 4; k++) ddla_wide_put(to + c + k * W, W, sum[k]);
  }
  for (; c < columns; c += W) {
    int n = ddla_wide_left(columns, c);
    ddla_wide sum = {0};
    for (int64_t r = 0; r < rows; r++) sum += ddla_wide_take(from + r * columns + c, n);
    ddla_wide_put(to + c, n, sum);
  }
}

DDLA_WIDTHS(sum, (float *to, const float *a, const float *b, int64_t count), (to, a, b, count))
DDLA_WIDTHS(product, (float *to, const float *a, const float *b, int64_t count), (to, a, b, count))
DDLA_WIDTHS(scale, (float *to, const float *from, float alpha, int64_t count), (to, from, alpha, count))
DDLA_WIDTHS(mask, (float *to, const float *from, const float *gate, int64_t count), (to, from, gate, count))
DDLA_WIDTHS(sum_rows, (float *to, const float *from, int64_t rows, int64_t columns), (to, from, rows, columns))

void ddla_vector_add(float *to, const float *from, int64_t count) { sum(to, to, from, count); }

void ddla_vector_sum(float *to, const float *a, const float *b, int64_t count) { sum(to, a, b, count); }

void ddla_vector_product(float *to, const float *a, const float *b, int64_t count) {
  product(to, a, b, count);
}

void ddla_vector_scale(float *to, const float *from, float alpha, int64_t count) {
  scale(to, from, alpha, count);
}

void ddla_vector_relu(float *to, const float *from, int64_t count) { mask(to, from, from, count); }

void ddla_vector_mask(float *to, const float *from, const float *gate, int64_t count) {
  mask(to, from, gate, count);
}

void ddla_vector_sum_rows(float *to, const float *from, int64_t rows, int64_t columns) {
  sum_rows(to, from, rows, columns);
}
