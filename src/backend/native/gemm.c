#include "backend/native/gemm.h"

#include "backend/native/block.h"

#if DDLA_HAS_AVX512

enum {
  /* Depth of a stretch: a panel of b of this depth and 64 columns takes 256 KiB, a quarter of a
   * second cache of 1 MiB. c is read and written once for each stretch. */
  DEPTH_MAX = 1024,
  APART = 16,  /* floats after a row of a packed a, so that not all rows fall on the same sets */
  AHEAD = 16,  /* rows of b that packing asks for in advance */
  AHEAD_B = 8, /* rows of a packed panel that a tile asks for in advance */
  FETCH_C = 4  /* groups of 16 steps before the end of a tile at which its part of c is asked for */
};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t round16(int64_t count) { return (count + 15) & ~INT64_C(15); }

/* Depth of all stretches but the last: equal ones, in multiples of 16. */
static int64_t stretch_of(const ddla_gemm *gemm) {
  const int64_t stretches = (gemm->depth + DEPTH_MAX - 1) / DEPTH_MAX;
  return round16((gemm->depth + stretches - 1) / stretches);
}

static int64_t packed_a_row(const ddla_gemm *gemm) { return stretch_of(gemm) + APART; }

static int64_t panel_count(const ddla_gemm *gemm) {
  return stretch_of(gemm) * smaller(round16(gemm->columns), DDLA_BLOCK_COLUMNS);
}

int64_t ddla_gemm_scratch_count(const ddla_gemm *gemm) {
  const int64_t a = gemm->a_transposed ? gemm->rows * packed_a_row(gemm) : 0;
  return panel_count(gemm) + a;
}

int64_t ddla_gemm_packed_count(const ddla_gemm *gemm) {
  return gemm->depth * round16(gemm->columns);
}

/* Packing */

/* Transposes 16 by 16 numbers in registers. */
DDLA_AVX512_INLINE void transpose_16(__m512 v[16]) {
  __m512 pair[16], four[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pair[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    pair[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512d a = _mm512_castps_pd(pair[i]), b = _mm512_castps_pd(pair[i + 2]);
    const __m512d c = _mm512_castps_pd(pair[i + 1]), d = _mm512_castps_pd(pair[i + 3]);
    four[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
    four[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    four[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(c, d));
    four[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(c, d));
  }
  /* four[4 q + i] holds in its lane l column 4 l + i of rows 4 q to 4 q + 3. */
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const __m512 even_0 = _mm512_shuffle_f32x4(four[i], four[i + 4], 0x88);
    const __m512 odd_0 = _mm512_shuffle_f32x4(four[i], four[i + 4], 0xdd);
    const __m512 even_1 = _mm512_shuffle_f32x4(four[i + 8], four[i + 12], 0x88);
    const __m512 odd_1 = _mm512_shuffle_f32x4(four[i + 8], four[i + 12], 0xdd);
    v[i] = _mm512_shuffle_f32x4(even_0, even_1, 0x88);
    v[i + 4] = _mm512_shuffle_f32x4(odd_0, odd_1, 0x88);
    v[i + 8] = _mm512_shuffle_f32x4(even_0, even_1, 0xdd);
    v[i + 12] = _mm512_shuffle_f32x4(odd_0, odd_1, 0xdd);
  }
}

/* to[c][r] = from[r][c] for up to 16 rows and columns of from; 16 numbers are written of each row
 * of to, zeros where from has no more rows. */
DDLA_AVX512_INLINE void transpose_block(float *to, int64_t to_row, const float *from,
                                        int64_t from_row, int rows, int columns) {
  __m512 v[16];
  for (int r = 0; r < 16; r++)
    v[r] = r < rows ? ddla_load_first(from + r * from_row, columns) : _mm512_setzero_ps();
  transpose_16(v);
  for (int c = 0; c < columns; c++) _mm512_storeu_ps(to + c * to_row, v[c]);
}

/* The same for any number of rows and columns. */
DDLA_AVX512 static void transpose(float *to, int64_t to_row, const float *from, int64_t from_row,
                                  int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r += 16)
    for (int64_t c = 0; c < columns; c += 16) {
      const int high = ddla_vector_left(rows, r), wide = ddla_vector_left(columns, c);
      const float *at = from + r * from_row + c;
      if (high == 16 && wide == 16) {
        for (int i = 0; i < 16; i++) __builtin_prefetch(at + i * from_row + 64);
        transpose_block(to + c * to_row + r, to_row, at, from_row, 16, 16);
      } else {
        transpose_block(to + c * to_row + r, to_row, at, from_row, high, wide);
      }
    }
}

/* A stretch of the depth of some columns of b. */
typedef struct piece {
  int64_t first, depth, column, columns; /* columns: at most 64 */
} piece;

DDLA_AVX512 static void copy_panel(float *to, const float *b, int64_t b_row, const piece *p) {
  const int64_t width = round16(p->columns);
  for (int64_t k = 0; k < p->depth; k++, b += b_row, to += width)
    for (int64_t j = 0; j < width; j += 16) {
      __builtin_prefetch(b + AHEAD * b_row + j);
      _mm512_store_ps(to + j, ddla_load_first(b + j, ddla_vector_left(p->columns, j)));
    }
}

static void pack_panel(float *to, const float *b, const ddla_gemm *gemm, const piece *p) {
  if (gemm->b_transposed)
    transpose(to, round16(p->columns), b + p->column * gemm->depth + p->first, gemm->depth,
              p->columns, p->depth);
  else copy_panel(to, b + p->first * gemm->columns + p->column, gemm->columns, p);
}

/* Where a piece lies in a packed b. */
static int64_t place(const ddla_gemm *gemm, const piece *p) {
  return p->first * round16(gemm->columns) + p->column * p->depth;
}

static bool next_piece(piece *p, const ddla_gemm *gemm) {
  p->column += p->columns;
  if (p->column >= gemm->columns) {
    p->column = 0;
    p->first += p->depth;
  }
  p->depth = smaller(gemm->depth - p->first, stretch_of(gemm));
  p->columns = smaller(gemm->columns - p->column, DDLA_BLOCK_COLUMNS);
  return p->depth > 0;
}

void ddla_gemm_pack(float *to, const float *b, const ddla_gemm *gemm) {
  piece p = {0};
  while (next_piece(&p, gemm)) pack_panel(to + place(gemm, &p), b, gemm, &p);
}

/* Tiles */

/* c[r][j] = old[r][j] + the sum over k of a[r][k] b[k][j] for up to 6 rows and 64 columns. */
typedef struct tile {
  float *c;
  const float *a, *b, *old; /* old null: zeros */
  int64_t c_row, a_row, b_row, old_row, depth;
} tile;

/* clang-format off */
#define V_4(X, r) X(r, 0) X(r, 1) X(r, 2) X(r, 3)
#define R_6(X) X(0) X(1) X(2) X(3) X(4) X(5)

#define ZERO(r, v) __m512 sum##r##v = _mm512_setzero_ps();
#define WEIGHT(r, v) const __m512 w##v = _mm512_load_ps(b + 16 * (v));
#define MULTIPLY(r, v) sum##r##v = _mm512_fmadd_ps(x, w##v, sum##r##v);
#define ADD_OLD(r, v) sum##r##v = _mm512_add_ps(sum##r##v, _mm512_loadu_ps(old + 16 * (v)));
#define STORE(r, v) _mm512_storeu_ps(c + (r) * c_row + 16 * (v), sum##r##v);
#define FETCH(r, v) __builtin_prefetch(t->c + (r) * c_row + 16 * (v), 1);

#define ZERO_ROW(r) V_4(ZERO, r)
#define MULTIPLY_ROW(r) { const __m512 x = _mm512_set1_ps(a[(r) * a_row]); V_4(MULTIPLY, r) }
#define ADD_OLD_ROW(r) { const float *old = t->old + (r) * t->old_row; V_4(ADD_OLD, r) }
#define STORE_ROW(r) V_4(STORE, r)
#define FETCH_ROW(r) V_4(FETCH, r)
#define FETCH_A(r) __builtin_prefetch(a + (6 + (r)) * a_row, 0, 2);
#define FETCH_B(r, v) __builtin_prefetch(b + 64 * AHEAD_B + 16 * (v));
#define STEP V_4(FETCH_B, 0) V_4(WEIGHT, 0) R_6(MULTIPLY_ROW)

/* A full tile. Its a comes from memory far away, so the next 6 rows are asked for meanwhile; the
 * panel of b is in the second cache. */
DDLA_AVX512 static void full_tile(const tile *t) {
  const float *a = t->a, *b = t->b;
  const int64_t a_row = t->a_row, c_row = t->c_row;
  R_6(ZERO_ROW)
  for (int64_t group = t->depth / 16; group > 0; group--) {
    R_6(FETCH_A)
    if (group == FETCH_C) { R_6(FETCH_ROW) }
    for (int k = 0; k < 16; k++, a++, b += 64) { STEP }
  }
  for (int64_t k = t->depth % 16; k > 0; k--, a++, b += 64) { STEP }
  float *const c = t->c;
  if (t->old) { R_6(ADD_OLD_ROW) }
  R_6(STORE_ROW)
}
/* clang-format on */

/* A tile of fewer rows or columns: the same sums, made beside c. */
DDLA_AVX512 static void edge_tile(const tile *t, int rows, int64_t columns) {
  _Alignas(64) float sums[DDLA_BLOCK_ROWS * DDLA_BLOCK_COLUMNS];
  const ddla_block block = {.c = sums,
                            .c_row = DDLA_BLOCK_COLUMNS,
                            .a = t->a,
                            .a_row = t->a_row,
                            .a_step = 1,
                            .b = t->b,
                            .b_row = t->b_row,
                            .depth = t->depth};
  ddla_block_run(&block, rows, (int)t->b_row);
  for (int r = 0; r < rows; r++)
    for (int64_t j = 0; j < columns; j += 16) {
      const int left = ddla_vector_left(columns, j);
      __m512 sum = _mm512_load_ps(sums + r * DDLA_BLOCK_COLUMNS + j);
      if (t->old) sum = _mm512_add_ps(sum, ddla_load_first(t->old + r * t->old_row + j, left));
      ddla_store_first(t->c + r * t->c_row + j, left, sum);
    }
}

/* All rows of c for one piece of b; a points at the piece's stretch. */
static void multiply_panel(const ddla_gemm *gemm, tile t, const piece *p) {
  for (int64_t r = 0; r < gemm->rows; r += DDLA_BLOCK_ROWS) {
    const int rows = (int)smaller(gemm->rows - r, DDLA_BLOCK_ROWS);
    if (rows == DDLA_BLOCK_ROWS && p->columns == DDLA_BLOCK_COLUMNS) full_tile(&t);
    else edge_tile(&t, rows, p->columns);
    t.a += DDLA_BLOCK_ROWS * t.a_row;
    t.c += DDLA_BLOCK_ROWS * t.c_row;
    if (t.old) t.old += DDLA_BLOCK_ROWS * t.old_row;
  }
}

/* What c is before a piece is added: the bias, then what the stretches before it gave. */
static void set_old(tile *t, const ddla_gemm_run *run, const piece *p) {
  t->old = p->first ? t->c : run->bias ? run->bias + p->column : NULL;
  t->old_row = p->first ? t->c_row : 0;
}

void ddla_gemm_multiply(const ddla_gemm *gemm, const ddla_gemm_run *run) {
  float *panel = run->scratch, *packed_a = run->scratch + panel_count(gemm);
  const int64_t a_row = gemm->a_transposed ? packed_a_row(gemm) : gemm->depth;
  piece p = {0};
  while (next_piece(&p, gemm)) {
    if (gemm->a_transposed && p.column == 0)
      transpose(packed_a, a_row, run->a + p.first * gemm->rows, gemm->rows, p.depth, gemm->rows);
    if (!run->packed) pack_panel(panel, run->b, gemm, &p);
    tile t = {.c = run->c + p.column,
              .c_row = gemm->columns,
              .a = gemm->a_transposed ? packed_a : run->a + p.first,
              .a_row = a_row,
              .b = run->packed ? run->packed + place(gemm, &p) : panel,
              .b_row = round16(p.columns),
              .depth = p.depth};
    set_old(&t, run, &p);
    multiply_panel(gemm, t, &p);
  }
}

#endif
