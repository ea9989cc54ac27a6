/* What winograd.c and winograd_bf16.c share: tiles and patches, and the first half of the
 * transforms, which is the same for both kinds of number. */
#ifndef DDLA_BACKEND_NATIVE_WINOGRAD_PARTS_H
#define DDLA_BACKEND_NATIVE_WINOGRAD_PARTS_H

#include "backend/native/winograd.h"
#include "backend/native/winograd_lines.h"

#if DDLA_HAS_AVX512

enum {
  DDLA_WINOGRAD_EDGE = 6, /* of a patch, at most */
  DDLA_WINOGRAD_POINTS = DDLA_WINOGRAD_EDGE * DDLA_WINOGRAD_EDGE,
  DDLA_WINOGRAD_APART = 16 /* floats between the matrices [point][channel] of two tiles: without
                              them all fall on the same sets of the first cache */
};

/* Patches are m + 2 places wide. */
static inline int64_t ddla_winograd_points(const ddla_winograd *conv) {
  return (conv->tile + 2) * (conv->tile + 2);
}

static inline int64_t ddla_winograd_tiles_high(const ddla_winograd *conv) {
  return (conv->out_height + conv->tile - 1) / conv->tile;
}

static inline int64_t ddla_winograd_tiles_wide(const ddla_winograd *conv) {
  return (conv->out_width + conv->tile - 1) / conv->tile;
}

static inline int64_t ddla_winograd_smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Some tiles in a row, from `first` on. */
typedef struct ddla_winograd_stretch {
  int64_t first, count;
} ddla_winograd_stretch;

/* Floats of the transforms of a tile, or of a pair of tiles, with so many at each point. */
static inline int64_t ddla_winograd_apart(const ddla_winograd *conv, int64_t floats) {
  return ddla_winograd_points(conv) * floats + DDLA_WINOGRAD_APART;
}

/* Where a tile lies. */
typedef struct ddla_winograd_tile {
  int64_t image, row, column; /* in tiles */
} ddla_winograd_tile;

static inline ddla_winograd_tile ddla_winograd_tile_at(const ddla_winograd *conv, int64_t index) {
  const int64_t wide = ddla_winograd_tiles_wide(conv), high = ddla_winograd_tiles_high(conv);
  return (ddla_winograd_tile){
      .image = index / (wide * high), .row = index / wide % high, .column = index % wide};
}

/* One after another, without divisions. */
static inline void ddla_winograd_tile_next(const ddla_winograd *conv, ddla_winograd_tile *t) {
  if (++t->column < ddla_winograd_tiles_wide(conv)) return;
  t->column = 0;
  if (++t->row < ddla_winograd_tiles_high(conv)) return;
  t->row = 0;
  t->image++;
}

/* A square of places in a tensor of images, and which of its rows and columns lie inside of its
 * image. */
typedef struct ddla_winograd_patch {
  int64_t at, row, column; /* floats to its first place, between its rows, between its columns */
  unsigned rows, columns;  /* bits */
} ddla_winograd_patch;

static inline unsigned ddla_winograd_inside(int64_t first, int count, int64_t size) {
  const int before = first < 0 ? (int)-first : 0;
  const int64_t left = size - first;
  const int end = left < count ? (int)left : count;
  return ((1U << end) - 1) & ~((1U << before) - 1);
}

/* The places of x that a tile of y depends on. */
static inline ddla_winograd_patch ddla_winograd_patch_of_input(const ddla_winograd *conv,
                                                               const ddla_winograd_tile *t,
                                                               const int m) {
  const int64_t row = conv->width * conv->in;
  const int64_t top = m * t->row - conv->padding[0], left = m * t->column - conv->padding[1];
  return (ddla_winograd_patch){.at = t->image * conv->height * row + top * row + left * conv->in,
                               .row = row,
                               .column = conv->in,
                               .rows = ddla_winograd_inside(top, m + 2, conv->height),
                               .columns = ddla_winograd_inside(left, m + 2, conv->width)};
}

/* A tile of y. */
static inline ddla_winograd_patch ddla_winograd_patch_of_output(const ddla_winograd *conv,
                                                                const ddla_winograd_tile *t,
                                                                const int m) {
  const int64_t row = conv->out_width * conv->out;
  return (ddla_winograd_patch){.at = (t->image * conv->out_height + m * t->row) * row +
                                     m * t->column * conv->out,
                               .row = row,
                               .column = conv->out,
                               .rows = ddla_winograd_inside(m * t->row, m, conv->out_height),
                               .columns = ddla_winograd_inside(m * t->column, m, conv->out_width)};
}

/* A patch being read, column by column: 16 channels of each place; outside of the image are zeros.
 * What comes new with the patch below is asked for meanwhile: it often lies in memory far away. */
typedef struct ddla_winograd_reader {
  const float *place[DDLA_WINOGRAD_EDGE]; /* by row, in the next column; outside: zeros */
  int64_t step[DDLA_WINOGRAD_EDGE];       /* to the column after */
  const float *below;
  const ddla_winograd_patch *patch;
} ddla_winograd_reader;

DDLA_AVX512_INLINE ddla_winograd_reader ddla_winograd_read(const float *from,
                                                           const ddla_winograd_patch *p,
                                                           const int edge) {
  static const float zeros[16] = {0};
  ddla_winograd_reader reader = {.below = from + p->at + edge * p->row, .patch = p};
#pragma GCC unroll 6
  for (int i = 0; i < edge; i++) {
    const bool inside = p->rows >> i & 1U;
    reader.place[i] = inside ? from + p->at + i * p->row : zeros;
    reader.step[i] = inside ? p->column : 0;
  }
  return reader;
}

/* Column j of a patch of m rows, or of the m + 2 that a tile of m depends on. */
DDLA_AVX512_INLINE void ddla_winograd_read_column(ddla_v16 *d, ddla_winograd_reader *reader, int j,
                                                  const int edge, const int m) {
  const __mmask16 inside = (__mmask16) - (int)(reader->patch->columns >> j & 1U);
#pragma GCC unroll 4
  for (int i = 0; j < m && i < m; i++) __builtin_prefetch(reader->below + i * reader->patch->row);
  reader->below += reader->patch->column;
#pragma GCC unroll 6
  for (int i = 0; i < edge; i++) {
    d[i] = _mm512_maskz_loadu_ps(inside, reader->place[i]);
    reader->place[i] += reader->step[i];
  }
}

/* side [m + 2][m + 2] = Bᵀ d for 16 channels of a patch of x, which lie at `from`. */
DDLA_AVX512_INLINE void ddla_winograd_input_columns(ddla_v16 *side, const float *from,
                                                    const ddla_winograd_patch *p, const int m) {
  const int edge = m + 2;
  ddla_winograd_reader reader = ddla_winograd_read(from, p, edge);
  ddla_v16 line[DDLA_WINOGRAD_EDGE];
#pragma GCC unroll 6 /* side stays in registers as far as they go */
  for (int j = 0; j < edge; j++) {
    ddla_winograd_read_column(line, &reader, j, edge, m);
    ddla_line_input(line, 1, m);
    for (int i = 0; i < edge; i++) side[edge * i + j] = line[i];
  }
}

/* side [m + 2][m] = A dY. */
DDLA_AVX512_INLINE void ddla_winograd_gradient_columns(ddla_v16 *side, const float *from,
                                                       const ddla_winograd_patch *p, const int m) {
  ddla_winograd_reader reader = ddla_winograd_read(from, p, m);
  ddla_v16 line[4];
#pragma GCC unroll 4
  for (int j = 0; j < m; j++) {
    ddla_winograd_read_column(line, &reader, j, m, m);
    ddla_line_gradient(side + j, m, line, 1, m);
  }
}

/* r[i][j] = r[j][i] */
DDLA_AVX512_INLINE void ddla_winograd_transpose(ddla_v16 r[16]) {
  ddla_v16 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16;
       i += 2) { /* pairs of rows: elements 4 k and 4 k + 1, 4 k + 2 and 4 k + 3 */
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) /* fours of rows: r[i + j] has elements 4 k + j */
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
      const __m512d low = _mm512_castps_pd(t[i + j]), high = _mm512_castps_pd(t[i + j + 2]);
      r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
      r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
#pragma GCC unroll 4
  for (int j = 0; j < 4;
       j++) { /* t[j] and t[4 + j]: rows 0 to 7, t[8 + j] and t[12 + j]: the others */
    t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
    t[8 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
    t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 8; j++) { /* of column j, or j + 8 */
    r[j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0x88);
    r[8 + j] = _mm512_shuffle_f32x4(t[j], t[8 + j], 0xdd);
  }
}

enum { DDLA_WINOGRAD_KERNEL = (1 << 9) - 1 }; /* mask of the 9 numbers of one */

/* u [m + 2][m + 2] = G g Gᵀ for one kernel of each of 16 outputs, `apart` floats apart. */
DDLA_AVX512_INLINE void ddla_winograd_kernels(ddla_v16 *u, const float *kernel, int64_t apart,
                                              bool turned, const int m) {
  const int edge = m + 2;
  ddla_v16 of[16], g[9], side[3 * DDLA_WINOGRAD_EDGE];
#pragma GCC unroll 16
  for (int o = 0; o < 16; o++)
    of[o] = _mm512_maskz_loadu_ps(DDLA_WINOGRAD_KERNEL, kernel + o * apart);
  ddla_winograd_transpose(of);
#pragma GCC unroll 9
  for (int k = 0; k < 9; k++) g[k] = of[turned ? 8 - k : k];
  for (int j = 0; j < 3; j++) ddla_line_kernel(side + j, 3, g + j, 3, m);
  for (int i = 0; i < edge; i++) ddla_line_kernel(u + edge * i, 1, side + 3 * i, 1, m);
}

/* The transforms at bf16; a float of their results is a pair of bf16 numbers. */

/* V[tile][point][channel] = Bᵀ d B. */
void ddla_winograd_input_bf16(const ddla_winograd *conv, float *v, const float *x,
                              const ddla_winograd_stretch *s);

/* V[tile / 2][point][channel][2] = Bᵀ d B, and W[tile / 2][point][channel][2] = A dY Aᵀ: tiles in
 * pairs, behind an odd last one zeros. */
void ddla_winograd_input_pairs(const ddla_winograd *conv, float *v, const float *x,
                               const ddla_winograd_stretch *s);
void ddla_winograd_gradient_pairs(const ddla_winograd *conv, float *w, const float *dy,
                                  const ddla_winograd_stretch *s);

/* As ddla_winograd_pack; each panel is [in / 2][columns][2]. */
void ddla_winograd_pack_bf16(float *to, const float *w, const ddla_winograd *conv, bool turned);

/* Floats from one point's packed weights to the next point's. */
static inline int64_t ddla_winograd_packed_next(const ddla_winograd *conv) {
  return conv->in * conv->out / (conv->bf16 ? 2 : 1) + DDLA_WINOGRAD_APART;
}

/* Floats between the kernels of two outputs. */
static inline int64_t ddla_winograd_kernels_apart(const ddla_winograd *conv, bool turned) {
  return 9 * (turned ? 1 : conv->in);
}

#endif
#endif
