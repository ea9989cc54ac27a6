#include "backend/native/winograd.h"

#include "backend/native/block.h"
#include "backend/native/winograd_parts.h"

#if DDLA_HAS_AVX512

enum {
  EDGE_MAX = DDLA_WINOGRAD_EDGE,
  POINTS_MAX = DDLA_WINOGRAD_POINTS,
  APART = DDLA_WINOGRAD_APART
};

typedef ddla_winograd_stretch stretch;
typedef ddla_winograd_tile tile;
typedef ddla_winograd_patch patch;

static int64_t points(const ddla_winograd *conv) { return ddla_winograd_points(conv); }

static int64_t tile_count(const ddla_winograd *conv) {
  return conv->batch * ddla_winograd_tiles_high(conv) * ddla_winograd_tiles_wide(conv);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Tiles worked on at a time, so that both transforms and the weights stay in a second cache of 1
 * MiB for the channels of small models; multiples of the block's 6 rows in forward. */
static int64_t forward_tiles(const ddla_winograd *conv) {
  return smaller(tile_count(conv), conv->tile == 2 ? 48 : 24);
}
static int64_t weights_tiles(const ddla_winograd *conv) {
  return smaller(tile_count(conv), (conv->tile == 2 ? 64 : 32) * (conv->bf16 ? 2 : 1));
}

bool ddla_winograd_choose(ddla_winograd *conv) {
  int64_t cost[2];
  for (int i = 0; i < 2; i++) {
    conv->tile = i ? 4 : 2;
    cost[i] = points(conv) * tile_count(conv);
  }
  if (cost[1] * 10 > cost[0] * 9) conv->tile = 2;
  const int64_t plain = 9 * conv->batch * conv->out_height * conv->out_width;
  return cost[conv->tile == 4] * 5 < plain * 4;
}

/* V[tile][point][channel] = Bᵀ d B. */
DDLA_AVX512_INLINE void input_body(const ddla_winograd *conv, float *v, const float *x,
                                   const stretch *s, const int m) {
  const int edge = m + 2;
  const int64_t apart = ddla_winograd_apart(conv, conv->in);
  tile t = ddla_winograd_tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k++, ddla_winograd_tile_next(conv, &t)) {
    const patch p = ddla_winograd_patch_of_input(conv, &t, m);
    for (int64_t c = 0; c < conv->in; c += 16) {
      ddla_v16 side[POINTS_MAX];
      ddla_winograd_input_columns(side, x + c, &p, m);
      float *to = v + k * apart + c;
#pragma GCC unroll 6
      for (int i = 0; i < edge; i++) {
        ddla_line_input(side + edge * i, 1, m);
        for (int j = 0; j < edge; j++, to += conv->in) _mm512_storeu_ps(to, side[edge * i + j]);
      }
    }
  }
}

DDLA_AVX512 static void input_2(const ddla_winograd *conv, float *v, const float *x,
                                const stretch *s) {
  input_body(conv, v, x, s, 2);
}

DDLA_AVX512 static void input_4(const ddla_winograd *conv, float *v, const float *x,
                                const stretch *s) {
  input_body(conv, v, x, s, 4);
}

int64_t ddla_winograd_packed_count(const ddla_winograd *conv) {
  return points(conv) * ddla_winograd_packed_next(conv);
}

/* 16 outputs of one input. What comes next, `next` floats behind, is asked for meanwhile: the
 * stores lie so far apart that each waits for its line. */
DDLA_AVX512_INLINE void pack_body(float *to, const float *kernel, const ddla_winograd *conv,
                                  int64_t next, bool turned, const int m) {
  const int64_t apart = ddla_winograd_packed_next(conv);
  ddla_v16 u[POINTS_MAX];
  for (int p = 0; p < (m + 2) * (m + 2); p++) __builtin_prefetch(to + next + p * apart, 1);
  ddla_winograd_kernels(u, kernel, ddla_winograd_kernels_apart(conv, turned), turned, m);
  for (int p = 0; p < (m + 2) * (m + 2); p++) _mm512_storeu_ps(to + p * apart, u[p]);
}

/* Packed: for each point, panels of 64 outputs (the last may be narrower), each [in][columns]. */
DDLA_AVX512 static void pack(float *to, const float *w, const ddla_winograd *conv, bool turned) {
  for (int64_t o = 0; o < conv->out; o += 16) {
    const int64_t panel = o - o % DDLA_BLOCK_COLUMNS,
                  columns = smaller(conv->out - panel, DDLA_BLOCK_COLUMNS);
    for (int64_t i = 0; i < conv->in; i++) {
      const float *kernel = w + 9 * (turned ? i * conv->out + o : o * conv->in + i);
      float *place = to + panel * conv->in + i * columns + (o - panel);
      if (conv->tile == 2) pack_body(place, kernel, conv, columns, turned, 2);
      else pack_body(place, kernel, conv, columns, turned, 4);
    }
  }
}

void ddla_winograd_pack(float *to, const float *w, const ddla_winograd *conv, bool turned) {
  (conv->bf16 ? ddla_winograd_pack_bf16 : pack)(to, w, conv, turned);
}

DDLA_AVX512_INLINE ddla_v16 finish(ddla_v16 value, ddla_v16 bias, bool relu) {
  value = _mm512_add_ps(value, bias);
  if (!relu) return value;
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(value, _mm512_setzero_ps(), _CMP_NLE_UQ), value);
}

/* Y = Aᵀ m A of tiles. */
DDLA_AVX512_INLINE void result_body(const ddla_winograd *conv, const ddla_winograd_run *run,
                                    const float *sums, const stretch *s, const int m) {
  const int edge = m + 2;
  const int64_t row = conv->out_width * conv->out, apart = ddla_winograd_apart(conv, conv->out);
  tile t = ddla_winograd_tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k++, ddla_winograd_tile_next(conv, &t)) {
    float *y = run->y + (t.image * conv->out_height + m * t.row) * row + m * t.column * conv->out;
    const int rows = (int)smaller(m, conv->out_height - m * t.row);
    const int columns = (int)smaller(m, conv->out_width - m * t.column);
    for (int64_t o = 0; o < conv->out; o += 16) {
      ddla_v16 side[4 * EDGE_MAX], line[EDGE_MAX], r[4];
      const ddla_v16 bias = run->bias ? _mm512_loadu_ps(run->bias + o) : _mm512_setzero_ps();
      const float *from = sums + k * apart + o;
      for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) /* the tile below this one */
          __builtin_prefetch(y + (m + i) * row + j * conv->out + o, 1);
#pragma GCC unroll 6
      for (int i = 0; i < edge; i++) {
        for (int j = 0; j < edge; j++, from += conv->out) line[j] = _mm512_loadu_ps(from);
        ddla_line_result(side + i, edge, line, 1, m);
      }
#pragma GCC unroll 4
      for (int j = 0; j < m; j++) {
        if (j >= columns) break;
        ddla_line_result(r, 1, side + edge * j, 1, m);
        for (int i = 0; i < m; i++)
          if (i < rows)
            _mm512_storeu_ps(y + i * row + j * conv->out + o, finish(r[i], bias, run->relu));
      }
    }
  }
}

DDLA_AVX512 static void result_2(const ddla_winograd *conv, const ddla_winograd_run *run,
                                 const float *sums, const stretch *s) {
  result_body(conv, run, sums, s, 2);
}

DDLA_AVX512 static void result_4(const ddla_winograd *conv, const ddla_winograd_run *run,
                                 const float *sums, const stretch *s) {
  result_body(conv, run, sums, s, 4);
}

/* Floats of the transforms of one tile: at bf16 half as many. */
static int64_t floats_of(const ddla_winograd *conv, int64_t channels) {
  return conv->bf16 ? channels / 2 : channels;
}

int64_t ddla_winograd_forward_count(const ddla_winograd *conv) {
  return forward_tiles(conv) * (ddla_winograd_apart(conv, floats_of(conv, conv->in)) +
                                ddla_winograd_apart(conv, conv->out));
}

/* sums[tile][point][out] = V[tile][point][in] U[point][in][out] */
static void multiply(const ddla_winograd *conv, float *sums, const float *v, const float *packed,
                     int64_t tiles) {
  const int64_t depth = floats_of(conv, conv->in);
  for (int64_t o = 0; o < conv->out; o += DDLA_BLOCK_COLUMNS) {
    const int columns = (int)smaller(conv->out - o, DDLA_BLOCK_COLUMNS);
    const ddla_block block = {.c = sums + o,
                              .c_row = ddla_winograd_apart(conv, conv->out),
                              .a = v,
                              .a_row = ddla_winograd_apart(conv, depth),
                              .a_step = 1,
                              .b = packed + o * depth,
                              .b_row = columns,
                              .depth = depth,
                              .more = points(conv) - 1,
                              .c_next = conv->out,
                              .a_next = depth,
                              .b_next = ddla_winograd_packed_next(conv)};
    (conv->bf16 ? ddla_block_run_bf16 : ddla_block_run)(&block, tiles, columns);
  }
}

static void transform_input(const ddla_winograd *conv, float *v, const float *x, const stretch *s) {
  if (conv->bf16) ddla_winograd_input_bf16(conv, v, x, s);
  else (conv->tile == 2 ? input_2 : input_4)(conv, v, x, s);
}

void ddla_winograd_forward(const ddla_winograd *conv, const ddla_winograd_run *run) {
  const int64_t tiles = tile_count(conv), most = forward_tiles(conv);
  float *v = run->scratch, *sums = v + most * ddla_winograd_apart(conv, floats_of(conv, conv->in));
  for (int64_t first = 0; first < tiles; first += most) {
    const stretch s = {.first = first, .count = smaller(tiles - first, most)};
    transform_input(conv, v, run->x, &s);
    multiply(conv, sums, v, run->packed, s.count);
    (conv->tile == 2 ? result_2 : result_4)(conv, run, sums, &s);
  }
}

/* W[tile][point][channel] = A dY Aᵀ. */
DDLA_AVX512_INLINE void gradient_body(const ddla_winograd *conv, float *w, const float *dy,
                                      const stretch *s, const int m) {
  const int edge = m + 2;
  const int64_t apart = ddla_winograd_apart(conv, conv->out);
  tile t = ddla_winograd_tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k++, ddla_winograd_tile_next(conv, &t)) {
    const patch p = ddla_winograd_patch_of_output(conv, &t, m);
    for (int64_t o = 0; o < conv->out; o += 16) {
      ddla_v16 side[4 * EDGE_MAX], r[EDGE_MAX];
      ddla_winograd_gradient_columns(side, dy + o, &p, m);
      float *to = w + k * apart + o;
#pragma GCC unroll 6
      for (int i = 0; i < edge; i++) {
        ddla_line_gradient(r, 1, side + m * i, 1, m);
        for (int j = 0; j < edge; j++, to += conv->out) _mm512_storeu_ps(to, r[j]);
      }
    }
  }
}

DDLA_AVX512 static void gradient_2(const ddla_winograd *conv, float *w, const float *dy,
                                   const stretch *s) {
  gradient_body(conv, w, dy, s, 2);
}

DDLA_AVX512 static void gradient_4(const ddla_winograd *conv, float *w, const float *dy,
                                   const stretch *s) {
  gradient_body(conv, w, dy, s, 4);
}

/* Floats from the sums of one point to those of the next. */
static int64_t sums_apart(const ddla_winograd *conv) { return conv->in * conv->out + APART; }

/* dw of 16 outputs and one input from its sums [point][in][out]. */
DDLA_AVX512_INLINE void weights_body(const ddla_winograd *conv, float *dw, const float *sums,
                                     const int m) {
  const int edge = m + 2;
  ddla_v16 d[POINTS_MAX], side[3 * EDGE_MAX], g[16];
  for (int p = 0; p < edge * edge; p++) d[p] = _mm512_loadu_ps(sums + p * sums_apart(conv));
  for (int j = 0; j < edge; j++) ddla_line_weights(side + j, edge, d + j, edge, m);
  for (int i = 0; i < 3; i++) ddla_line_weights(g + 3 * i, 1, side + edge * i, 1, m);
  for (int k = 9; k < 16; k++) g[k] = _mm512_setzero_ps();
  ddla_winograd_transpose(g);
  for (int o = 0; o < 16; o++)
    _mm512_mask_storeu_ps(dw + o * ddla_winograd_kernels_apart(conv, false), DDLA_WINOGRAD_KERNEL,
                          g[o]);
}

DDLA_AVX512 static void weights_all(const ddla_winograd *conv, float *dw, const float *sums) {
  for (int64_t o = 0; o < conv->out; o += 16)
    for (int64_t i = 0; i < conv->in; i++) {
      float *to = dw + 9 * (o * conv->in + i);
      const float *from = sums + i * conv->out + o;
      if (conv->tile == 2) weights_body(conv, to, from, 2);
      else weights_body(conv, to, from, 4);
    }
}

/* Rows of tiles, or of pairs of them. */
static int64_t rows_of(const ddla_winograd *conv, int64_t tiles) {
  return conv->bf16 ? (tiles + 1) / 2 : tiles;
}

int64_t ddla_winograd_weights_count(const ddla_winograd *conv) {
  return points(conv) * sums_apart(conv) +
         rows_of(conv, weights_tiles(conv)) *
             (ddla_winograd_apart(conv, conv->in) + ddla_winograd_apart(conv, conv->out));
}

/* sums[point][in][out] (+)= V[tile][point][in]ᵀ W[tile][point][out] */
static void multiply_weights(const ddla_winograd *conv, float *sums, const float *v, const float *w,
                             const stretch *s) {
  for (int64_t o = 0; o < conv->out; o += DDLA_BLOCK_COLUMNS) {
    const ddla_block block = {.c = sums + o,
                              .c_row = conv->out,
                              .a = v,
                              .a_row = 1,
                              .a_step = ddla_winograd_apart(conv, conv->in),
                              .b = w + o,
                              .b_row = ddla_winograd_apart(conv, conv->out),
                              .depth = rows_of(conv, s->count),
                              .add = s->first > 0,
                              .more = points(conv) - 1,
                              .c_next = sums_apart(conv),
                              .a_next = conv->in,
                              .b_next = conv->out};
    (conv->bf16 ? ddla_block_run_bf16 : ddla_block_run)(
        &block, conv->in, (int)smaller(conv->out - o, DDLA_BLOCK_COLUMNS));
  }
}

static void transform_input_of_weights(const ddla_winograd *conv, float *v, const float *x,
                                       const stretch *s) {
  if (conv->bf16) ddla_winograd_input_pairs(conv, v, x, s);
  else (conv->tile == 2 ? input_2 : input_4)(conv, v, x, s);
}

static void transform_gradient(const ddla_winograd *conv, float *w, const float *dy,
                               const stretch *s) {
  if (conv->bf16) ddla_winograd_gradient_pairs(conv, w, dy, s);
  else (conv->tile == 2 ? gradient_2 : gradient_4)(conv, w, dy, s);
}

void ddla_winograd_weights(const ddla_winograd *conv, float *dw, const float *x, const float *dy,
                           float *scratch) {
  const int64_t tiles = tile_count(conv), most = weights_tiles(conv);
  float *sums = scratch, *v = sums + points(conv) * sums_apart(conv),
        *w = v + rows_of(conv, most) * ddla_winograd_apart(conv, conv->in);
  for (int64_t first = 0; first < tiles; first += most) {
    const stretch s = {.first = first, .count = smaller(tiles - first, most)};
    transform_input_of_weights(conv, v, x, &s);
    transform_gradient(conv, w, dy, &s);
    multiply_weights(conv, sums, v, w, &s);
  }
  weights_all(conv, dw, sums);
}

#endif
