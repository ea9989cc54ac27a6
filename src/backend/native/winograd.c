#include "backend/native/winograd.h"

#include "backend/native/block.h"
#include "backend/native/winograd_lines.h"

#if DDLA_HAS_AVX512

enum {
  EDGE_MAX = 6,
  POINTS_MAX = EDGE_MAX * EDGE_MAX,
  APART = 16 /* floats between the points' matrices: without them all fall on the same sets of the
                first cache */
};

/* Patches are m + 2 places wide. */
static int64_t points(const ddla_winograd *conv) { return (conv->tile + 2) * (conv->tile + 2); }
static int64_t tiles_high(const ddla_winograd *conv) {
  return (conv->out_height + conv->tile - 1) / conv->tile;
}
static int64_t tiles_wide(const ddla_winograd *conv) {
  return (conv->out_width + conv->tile - 1) / conv->tile;
}
static int64_t tile_count(const ddla_winograd *conv) {
  return conv->batch * tiles_high(conv) * tiles_wide(conv);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Tiles worked on at a time, so that both transforms and the weights stay in a second cache of 1
 * MiB for the channels of small models; multiples of the block's 6 rows in forward. */
static int64_t forward_tiles(const ddla_winograd *conv) {
  return smaller(tile_count(conv), conv->tile == 2 ? 48 : 24);
}
static int64_t weights_tiles(const ddla_winograd *conv) {
  return smaller(tile_count(conv), conv->tile == 2 ? 64 : 32);
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

/* Some tiles in a row, from `first` on; `apart` floats between the matrices [tile][channel] of two
 * points. */
typedef struct stretch {
  int64_t first, count, apart;
} stretch;

/* Where a tile lies. */
typedef struct tile {
  int64_t image, row, column; /* in tiles */
} tile;

static tile tile_at(const ddla_winograd *conv, int64_t index) {
  int64_t wide = tiles_wide(conv), high = tiles_high(conv);
  return (tile){.image = index / (wide * high), .row = index / wide % high, .column = index % wide};
}

/* One after another, without divisions. */
static void tile_next(const ddla_winograd *conv, tile *t) {
  if (++t->column < tiles_wide(conv)) return;
  t->column = 0;
  if (++t->row < tiles_high(conv)) return;
  t->row = 0;
  t->image++;
}

/* A square of places in an image, and which of its rows and columns lie inside of the image. */
typedef struct patch {
  int64_t at, row, column; /* floats to its first place, between its rows, between its columns */
  unsigned rows, columns;  /* bits */
} patch;

static unsigned inside(int64_t first, int count, int64_t size) {
  unsigned bits = 0;
  for (int i = 0; i < count; i++) bits |= (unsigned)(first + i >= 0 && first + i < size) << i;
  return bits;
}

/* 16 channels of column j of a patch; outside of the image are zeros. */
DDLA_AVX512_INLINE void load_column(ddla_v16 *d, const float *image, const patch *p, int j,
                                    const int edge) {
  const unsigned rows = p->columns >> j & 1U ? p->rows : 0;
  const float *from = image + p->at + j * p->column;
  for (int i = 0; i < edge; i++)
    d[i] = _mm512_maskz_loadu_ps((__mmask16) - (int)(rows >> i & 1U), from + i * p->row);
}

/* V[point][tile][channel] = Bᵀ d B. */
DDLA_AVX512_INLINE void input_body(const ddla_winograd *conv, float *v, const float *x,
                                   const stretch *s, const int m) {
  const int edge = m + 2;
  const int64_t row = conv->width * conv->in, size = conv->height * row;
  tile t = tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k++, tile_next(conv, &t)) {
    const int64_t top = m * t.row - conv->padding[0], left = m * t.column - conv->padding[1];
    patch p = {.row = row,
               .column = conv->in,
               .rows = inside(top, edge, conv->height),
               .columns = inside(left, edge, conv->width)};
    for (int64_t c = 0; c < conv->in; c += 16) {
      ddla_v16 side[POINTS_MAX], line[EDGE_MAX];
      p.at = top * row + left * conv->in + c;
#pragma GCC unroll 6 /* side stays in registers as far as they go */
      for (int j = 0; j < edge; j++) {
        load_column(line, x + t.image * size, &p, j, edge);
        ddla_line_input(line, 1, m);
        for (int i = 0; i < edge; i++) side[edge * i + j] = line[i];
      }
      float *to = v + k * conv->in + c;
#pragma GCC unroll 6
      for (int i = 0; i < edge; i++, to += edge * s->apart) {
        ddla_line_input(side + edge * i, 1, m);
        for (int j = 0; j < edge; j++) _mm512_storeu_ps(to + j * s->apart, side[edge * i + j]);
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

/* Floats from one point's weights (or their sums) to the next point's. */
static int64_t weights_apart(const ddla_winograd *conv) { return conv->in * conv->out + APART; }

int64_t ddla_winograd_packed_count(const ddla_winograd *conv) {
  return points(conv) * weights_apart(conv);
}

/* One kernel of each of 16 outputs, `lanes` floats apart: u = G g Gᵀ, stored at every point. */
DDLA_AVX512_INLINE void pack_body(float *to, const float *kernel, __m512i lanes, int64_t apart,
                                  bool turned, const int m) {
  const int edge = m + 2;
  ddla_v16 g[9], side[3 * EDGE_MAX], u[POINTS_MAX];
  for (int k = 0; k < 9; k++) g[k] = _mm512_i32gather_ps(lanes, kernel + (turned ? 8 - k : k), 4);
  for (int j = 0; j < 3; j++) ddla_line_kernel(side + j, 3, g + j, 3, m);
  for (int i = 0; i < edge; i++) ddla_line_kernel(u + edge * i, 1, side + 3 * i, 1, m);
  for (int p = 0; p < edge * edge; p++) _mm512_storeu_ps(to + p * apart, u[p]);
}

/* Packed: for each point, panels of 64 outputs (the last may be narrower), each [in][columns]. */
DDLA_AVX512 void ddla_winograd_pack(float *to, const float *w, const ddla_winograd *conv,
                                    bool turned) {
  const int step =
      (int)(9 * (turned ? 1 : conv->in)); /* floats between the kernels of two outputs */
  const __m512i lanes =
      _mm512_mullo_epi32(_mm512_set1_epi32(step),
                         _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  const int64_t apart = weights_apart(conv);
  for (int64_t o = 0; o < conv->out; o += 16) {
    const int64_t panel = o - o % DDLA_BLOCK_COLUMNS,
                  columns = smaller(conv->out - panel, DDLA_BLOCK_COLUMNS);
    for (int64_t i = 0; i < conv->in; i++) {
      const float *kernel = w + 9 * (turned ? i * conv->out + o : o * conv->in + i);
      float *place = to + panel * conv->in + i * columns + (o - panel);
      if (conv->tile == 2) pack_body(place, kernel, lanes, apart, turned, 2);
      else pack_body(place, kernel, lanes, apart, turned, 4);
    }
  }
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
  const int64_t row = conv->out_width * conv->out;
  tile t = tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k++, tile_next(conv, &t)) {
    float *y = run->y + (t.image * conv->out_height + m * t.row) * row + m * t.column * conv->out;
    const int rows = (int)smaller(m, conv->out_height - m * t.row);
    const int columns = (int)smaller(m, conv->out_width - m * t.column);
    for (int64_t o = 0; o < conv->out; o += 16) {
      ddla_v16 side[4 * EDGE_MAX], line[EDGE_MAX], r[4];
      const ddla_v16 bias = run->bias ? _mm512_loadu_ps(run->bias + o) : _mm512_setzero_ps();
      const float *from = sums + k * conv->out + o;
      for (int j = 0; j < edge; j++, from += s->apart) {
        for (int i = 0; i < edge; i++) line[i] = _mm512_loadu_ps(from + i * edge * s->apart);
        ddla_line_result(side + j, edge, line, 1, m);
      }
      for (int i = 0; i < rows; i++) {
        ddla_line_result(r, 1, side + edge * i, 1, m);
        for (int j = 0; j < m; j++)
          if (j < columns)
            _mm512_storeu_ps(y + i * row + j * conv->out + o, finish(r[j], bias, run->relu));
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

int64_t ddla_winograd_forward_count(const ddla_winograd *conv) {
  return points(conv) * (forward_tiles(conv) * (conv->in + conv->out) + 2 * APART);
}

/* sums[point][tile][out] = V[point][tile][in] U[point][in][out] */
static void multiply(const ddla_winograd *conv, float *sums, const float *v, const float *packed,
                     const stretch *tiles, int64_t sums_apart) {
  const int64_t count = points(conv);
  for (int64_t p = 0; p < count; p++)
    for (int64_t o = 0; o < conv->out; o += DDLA_BLOCK_COLUMNS) {
      const int columns = (int)smaller(conv->out - o, DDLA_BLOCK_COLUMNS);
      const ddla_block block = {.c = sums + p * sums_apart + o,
                                .c_row = conv->out,
                                .a = v + p * tiles->apart,
                                .a_row = conv->in,
                                .a_step = 1,
                                .b = packed + p * weights_apart(conv) + o * conv->in,
                                .b_row = columns,
                                .depth = conv->in};
      ddla_block_run(&block, tiles->count, columns);
    }
}

void ddla_winograd_forward(const ddla_winograd *conv, const ddla_winograd_run *run) {
  const int64_t tiles = tile_count(conv), most = forward_tiles(conv);
  stretch in = {.apart = most * conv->in + APART}, out = {.apart = most * conv->out + APART};
  float *v = run->scratch, *sums = v + points(conv) * in.apart;
  for (int64_t first = 0; first < tiles; first += most) {
    in.first = out.first = first;
    in.count = out.count = smaller(tiles - first, most);
    (conv->tile == 2 ? input_2 : input_4)(conv, v, run->x, &in);
    multiply(conv, sums, v, run->packed, &in, out.apart);
    (conv->tile == 2 ? result_2 : result_4)(conv, run, sums, &out);
  }
}

/* W[point][tile][channel] = A dY Aᵀ. */
DDLA_AVX512_INLINE void gradient_body(const ddla_winograd *conv, float *w, const float *dy,
                                      const stretch *s, const int m) {
  const int edge = m + 2;
  const int64_t row = conv->out_width * conv->out, size = conv->out_height * row;
  tile t = tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k++, tile_next(conv, &t)) {
    patch p = {.row = row,
               .column = conv->out,
               .rows = inside(m * t.row, m, conv->out_height),
               .columns = inside(m * t.column, m, conv->out_width)};
    for (int64_t o = 0; o < conv->out; o += 16) {
      ddla_v16 side[4 * EDGE_MAX], line[4], r[EDGE_MAX];
      p.at = m * t.row * row + m * t.column * conv->out + o;
      for (int j = 0; j < m; j++) {
        load_column(line, dy + t.image * size, &p, j, m);
        ddla_line_gradient(side + j, m, line, 1, m);
      }
      float *to = w + k * conv->out + o;
      for (int i = 0; i < edge; i++, to += edge * s->apart) {
        ddla_line_gradient(r, 1, side + m * i, 1, m);
        for (int j = 0; j < edge; j++) _mm512_storeu_ps(to + j * s->apart, r[j]);
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

/* dw of 16 outputs and one input from its sums [point][in][out]. */
DDLA_AVX512_INLINE void weights_body(const ddla_winograd *conv, float *dw, const float *sums,
                                     const int m) {
  const int edge = m + 2;
  ddla_v16 d[POINTS_MAX], side[3 * EDGE_MAX], g[9];
  float lanes[9][16];
  for (int p = 0; p < edge * edge; p++) d[p] = _mm512_loadu_ps(sums + p * weights_apart(conv));
  for (int j = 0; j < edge; j++) ddla_line_weights(side + j, edge, d + j, edge, m);
  for (int i = 0; i < 3; i++) ddla_line_weights(g + 3 * i, 1, side + edge * i, 1, m);
  for (int k = 0; k < 9; k++) _mm512_storeu_ps(lanes[k], g[k]);
  for (int lane = 0; lane < 16; lane++)
    for (int k = 0; k < 9; k++) dw[9 * lane * conv->in + k] = lanes[k][lane];
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

int64_t ddla_winograd_weights_count(const ddla_winograd *conv) {
  return points(conv) *
         (weights_tiles(conv) * (conv->in + conv->out) + 2 * APART + weights_apart(conv));
}

/* sums[point][in][out] (+)= V[point][tile][in]ᵀ W[point][tile][out] */
static void multiply_weights(const ddla_winograd *conv, float *sums, const float *v,
                             const stretch *in, const float *w, const stretch *out) {
  const int64_t count = points(conv);
  for (int64_t p = 0; p < count; p++)
    for (int64_t o = 0; o < conv->out; o += DDLA_BLOCK_COLUMNS) {
      const ddla_block block = {.c = sums + p * weights_apart(conv) + o,
                                .c_row = conv->out,
                                .a = v + p * in->apart,
                                .a_row = 1,
                                .a_step = conv->in,
                                .b = w + p * out->apart + o,
                                .b_row = conv->out,
                                .depth = in->count,
                                .add = in->first > 0};
      ddla_block_run(&block, conv->in, (int)smaller(conv->out - o, DDLA_BLOCK_COLUMNS));
    }
}

void ddla_winograd_weights(const ddla_winograd *conv, float *dw, const float *x, const float *dy,
                           float *scratch) {
  const int64_t tiles = tile_count(conv), most = weights_tiles(conv);
  stretch in = {.apart = most * conv->in + APART}, out = {.apart = most * conv->out + APART};
  float *sums = scratch, *v = sums + ddla_winograd_packed_count(conv),
        *w = v + points(conv) * in.apart;
  for (int64_t first = 0; first < tiles; first += most) {
    in.first = out.first = first;
    in.count = out.count = smaller(tiles - first, most);
    (conv->tile == 2 ? input_2 : input_4)(conv, v, x, &in);
    (conv->tile == 2 ? gradient_2 : gradient_4)(conv, w, dy, &out);
    multiply_weights(conv, sums, v, &in, w, &out);
  }
  weights_all(conv, dw, sums);
}

#endif
