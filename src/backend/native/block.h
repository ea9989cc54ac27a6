/* The inner block of our matrix products on AVX-512: up to 6 rows by 4 vectors of sums in
 * registers. With 6 by 4 a step of the depth takes 4 vector loads and 6 broadcasts for 24 fused
 * multiply-adds, so the multipliers are what limits. Sums run over the depth in its order: bits
 * depend on the numbers only. */
#ifndef DDLA_BACKEND_NATIVE_BLOCK_H
#define DDLA_BACKEND_NATIVE_BLOCK_H

#include "backend/avx512.h"

#if DDLA_HAS_AVX512

enum { DDLA_BLOCK_ROWS = 6, DDLA_BLOCK_VECTORS = 4, DDLA_BLOCK_COLUMNS = 64 };

/* What a product c = a b works on: c[r][j] (row stride c_row), a[r][k] at a[r * a_row + k *
 * a_step], b[k][j] (row stride b_row); k runs from 0 to depth - 1. */
typedef struct ddla_block {
  float *c;
  const float *a, *b;
  int64_t c_row, a_row, a_step, b_row, depth;
  bool add;                       /* c += a b */
  int64_t more;                   /* further products of the same sizes ... */
  int64_t c_next, a_next, b_next; /* ... each of whose matrices begins so far behind the last */
} ddla_block;

/* c = a b (or c += a b) for any number of rows and 16, 32, 48 or 64 columns. */
void ddla_block_run(const ddla_block *block, int64_t rows, int columns);

/* The same product at bf16: what stands in place of a float of a or b is a pair of bf16 numbers,
 * those of two steps of the depth, the first in the lower half; depth counts pairs. c is fp32. Only
 * where ddla_cpu() is at least DDLA_CPU_AVX512_BF16. */
void ddla_block_run_bf16(const ddla_block *block, int64_t rows, int columns);

#endif
#endif
