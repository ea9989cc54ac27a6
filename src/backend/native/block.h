/* The inner block of our matrix products on AVX-512: up to 6 rows by 4 vectors of sums in registers. With 6 by 4 a
 * step of the depth takes 4 vector loads and 6 broadcasts for 24 fused multiply-adds, so the multipliers are what
 * limits. Sums run over the depth in its order: bits depend on the numbers only. */
#ifndef DDLA_BACKEND_NATIVE_BLOCK_H
#define DDLA_BACKEND_NATIVE_BLOCK_H

#include "backend/avx512.h"

#if DDLA_HAS_AVX512

enum { DDLA_BLOCK_ROWS = 6, DDLA_BLOCK_VECTORS = 4, DDLA_BLOCK_COLUMNS = 64 };

/* What a product c = a b works on: c[r][j] (row stride c_row), a[r][k] at a[r * a_row + k * a_step],
 * b[k][j] (row stride b_row); k runs from 0 to depth - 1. */
typedef struct ddla_block {
  float *c;
  const float *a, *b;
  int64_t c_row, a_row, a_step, b_row, depth;
  bool add; /* c += a b */
} ddla_block;

/* rows 1 to 6, vectors (of 16 columns) 1 to 4: constants where this is inlined. */
DDLA_AVX512_INLINE void ddla_block_body(const ddla_block *block, const int rows, const int vectors) {
  __m512 sum[DDLA_BLOCK_ROWS][DDLA_BLOCK_VECTORS];
  const float *a = block->a, *b = block->b;
  float *c = block->c;
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++)
      sum[r][v] = block->add ? _mm512_loadu_ps(c + r * block->c_row + 16 * v) : _mm512_setzero_ps();
  const int64_t a_row = block->a_row, a_step = block->a_step, b_row = block->b_row;
  for (int64_t k = block->depth; k > 0; k--, a += a_step, b += b_row) {
    __m512 w[DDLA_BLOCK_VECTORS];
    for (int v = 0; v < vectors; v++) w[v] = _mm512_loadu_ps(b + 16 * v);
    for (int r = 0; r < rows; r++) {
      __m512 x = _mm512_set1_ps(a[r * a_row]);
      for (int v = 0; v < vectors; v++) sum[r][v] = _mm512_fmadd_ps(x, w[v], sum[r][v]);
    }
  }
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++) _mm512_storeu_ps(c + r * block->c_row + 16 * v, sum[r][v]);
}

/* c = a b (or c += a b) for any number of rows and 16, 32, 48 or 64 columns. */
void ddla_block_run(const ddla_block *block, int64_t rows, int columns);

#endif
#endif
