#include "backend/native/winograd.h"

#include "backend/native/block.h"

#if DDLA_HAS_AVX512

enum {
  POINTS = 16,        /* of a transformed tile */
  FORWARD_TILES = 48, /* worked on at a time, so that both transforms stay in the second cache; multiple of 6 */
  WEIGHT_TILES = 64,
  APART = 16 /* floats between the points' matrices: without them all 16 fall on the same sets of the first cache */
};

static int64_t tiles_high(const ddla_winograd *conv) { return (conv->out_height + 1) / 2; }
static int64_t tiles_wide(const ddla_winograd *conv) { return (conv->out_width + 1) / 2; }

int64_t ddla_winograd_tiles(const ddla_winograd *conv) {
  return conv->batch * tiles_high(conv) * tiles_wide(conv);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

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

/* Bits of those of `count` places from `first` on that lie in [0, size). */
static unsigned inside(int64_t first, int count, int64_t size) {
  unsigned bits = 0;
  for (int i = 0; i < count; i++) bits |= (unsigned)(first + i >= 0 && first + i < size) << i;
  return bits;
}

/* 16 channels of a patch (edge by edge places) at offset `at` of an image; outside of it are zeros. */
DDLA_AVX512_INLINE void load_patch(__m512 *d, const float *image, int64_t at, int64_t row, int64_t column,
                                   unsigned rows, unsigned columns, const int edge) {
  const unsigned all = (1U << edge) - 1U;
  if ((rows & columns) == all) {
    for (int i = 0; i < edge; i++)
      for (int j = 0; j < edge; j++) d[edge * i + j] = _mm512_loadu_ps(image + at + i * row + j * column);
    return;
  }
  for (int i = 0; i < edge; i++)
    for (int j = 0; j < edge; j++)
      d[edge * i + j] = rows >> i & columns >> j & 1U ? _mm512_loadu_ps(image + at + i * row + j * column)
                                                      : _mm512_setzero_ps();
}

/* d = Bᵀ d B of a 4 by 4 patch. */
DDLA_AVX512_INLINE void transform_line(__m512 *d, int step) {
  __m512 d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
  d[0] = _mm512_sub_ps(d0, d2);
  d[step] = _mm512_add_ps(d1, d2);
  d[2 * step] = _mm512_sub_ps(d2, d1);
  d[3 * step] = _mm512_sub_ps(d1, d3);
}

/* V[point][tile][channel] of `count` tiles from `first` on. */
DDLA_AVX512 static void transform_input(const ddla_winograd *conv, float *v, const float *x, int64_t first,
                                        int64_t count, int64_t apart) {
  const int64_t row = conv->width * conv->in, size = conv->height * row;
  tile t = tile_at(conv, first);
  for (int64_t k = 0; k < count; k++, tile_next(conv, &t)) {
    const int64_t top = 2 * t.row - conv->padding[0], left = 2 * t.column - conv->padding[1];
    const unsigned rows = inside(top, 4, conv->height), columns = inside(left, 4, conv->width);
    for (int64_t c = 0; c < conv->in; c += 16) {
      __m512 d[POINTS];
      load_patch(d, x + t.image * size, top * row + left * conv->in + c, row, conv->in, rows, columns, 4);
      for (int j = 0; j < 4; j++) transform_line(d + j, 4);
      for (int i = 0; i < 4; i++) transform_line(d + 4 * i, 1);
      for (int p = 0; p < POINTS; p++) _mm512_storeu_ps(v + p * apart + k * conv->in + c, d[p]);
    }
  }
}

/* The kernels' side: one line of u = G g Gᵀ. */
DDLA_AVX512_INLINE void transform_kernel_line(__m512 *to, int to_step, const __m512 *g, int g_step) {
  const __m512 half = _mm512_set1_ps(0.5f);
  __m512 even = _mm512_mul_ps(half, _mm512_add_ps(g[0], g[2 * g_step]));
  __m512 odd = _mm512_mul_ps(half, g[g_step]);
  to[0] = g[0];
  to[to_step] = _mm512_add_ps(even, odd);
  to[2 * to_step] = _mm512_sub_ps(even, odd);
  to[3 * to_step] = g[2 * g_step];
}

size_t ddla_winograd_packed_bytes(const ddla_winograd *conv) {
  return (size_t)(POINTS * conv->in * conv->out) * sizeof(float);
}

/* Packed: for each point, panels of 64 outputs (the last may be narrower), each [in][columns]. Works on 16 outputs
 * at a time. */
DDLA_AVX512 void ddla_winograd_pack(float *to, const float *w, const ddla_winograd *conv, bool turned) {
  const int apart = (int)(9 * (turned ? 1 : conv->in)); /* floats between the kernels of two outputs */
  const __m512i lanes = _mm512_mullo_epi32(_mm512_set1_epi32(apart),
                                           _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  for (int64_t o = 0; o < conv->out; o += 16) {
    const int64_t panel = o - o % DDLA_BLOCK_COLUMNS, columns = smaller(conv->out - panel, DDLA_BLOCK_COLUMNS);
    for (int64_t i = 0; i < conv->in; i++) {
      const float *kernel = w + 9 * (turned ? i * conv->out + o : o * conv->in + i);
      __m512 g[9], side[12], u[POINTS];
      for (int k = 0; k < 9; k++) g[k] = _mm512_i32gather_ps(lanes, kernel + (turned ? 8 - k : k), 4);
      for (int j = 0; j < 3; j++) transform_kernel_line(side + j, 3, g + j, 3);
      for (int j = 0; j < 4; j++) transform_kernel_line(u + 4 * j, 1, side + 3 * j, 1);
      float *place = to + panel * conv->in + i * columns + (o - panel);
      for (int p = 0; p < POINTS; p++) _mm512_storeu_ps(place + p * conv->in * conv->out, u[p]);
    }
  }
}

/* Where results of a tile go. */
typedef struct target {
  float *y;
  const float *bias;
  bool relu;
} target;

/* Y = Aᵀ m A of one tile and 16 channels. */
DDLA_AVX512_INLINE void transform_result(__m512 y[4], const float *m, int64_t apart) {
  __m512 s[8];
  for (int j = 0; j < 4; j++) {
    __m512 m0 = _mm512_loadu_ps(m + j * apart), m1 = _mm512_loadu_ps(m + (4 + j) * apart);
    __m512 m2 = _mm512_loadu_ps(m + (8 + j) * apart), m3 = _mm512_loadu_ps(m + (12 + j) * apart);
    s[j] = _mm512_add_ps(_mm512_add_ps(m0, m1), m2);
    s[4 + j] = _mm512_sub_ps(_mm512_sub_ps(m1, m2), m3);
  }
  for (int i = 0; i < 2; i++) {
    y[2 * i] = _mm512_add_ps(_mm512_add_ps(s[4 * i], s[4 * i + 1]), s[4 * i + 2]);
    y[2 * i + 1] = _mm512_sub_ps(_mm512_sub_ps(s[4 * i + 1], s[4 * i + 2]), s[4 * i + 3]);
  }
}

DDLA_AVX512_INLINE __m512 finish(__m512 value, __m512 bias, bool relu) {
  value = _mm512_add_ps(value, bias);
  if (!relu) return value;
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(value, _mm512_setzero_ps(), _CMP_NLE_UQ), value);
}

DDLA_AVX512 static void transform_results(const ddla_winograd *conv, const target *to, const float *m,
                                          int64_t first, int64_t count, int64_t apart) {
  const int64_t row = conv->out_width * conv->out;
  tile t = tile_at(conv, first);
  for (int64_t k = 0; k < count; k++, tile_next(conv, &t)) {
    float *y = to->y + (t.image * conv->out_height + 2 * t.row) * row + 2 * t.column * conv->out;
    const bool lower = 2 * t.row + 1 < conv->out_height, right = 2 * t.column + 1 < conv->out_width;
    for (int64_t o = 0; o < conv->out; o += 16) {
      __m512 r[4], bias = to->bias ? _mm512_loadu_ps(to->bias + o) : _mm512_setzero_ps();
      transform_result(r, m + k * conv->out + o, apart);
      _mm512_storeu_ps(y + o, finish(r[0], bias, to->relu));
      if (right) _mm512_storeu_ps(y + conv->out + o, finish(r[1], bias, to->relu));
      if (lower) _mm512_storeu_ps(y + row + o, finish(r[2], bias, to->relu));
      if (lower && right) _mm512_storeu_ps(y + row + conv->out + o, finish(r[3], bias, to->relu));
    }
  }
}

size_t ddla_winograd_forward_bytes(const ddla_winograd *conv) {
  int64_t tiles = smaller(ddla_winograd_tiles(conv), FORWARD_TILES);
  return (size_t)(POINTS * (tiles * (conv->in + conv->out) + 2 * APART)) * sizeof(float);
}

void ddla_winograd_forward(const ddla_winograd *conv, float *y, const float *x, const float *packed,
                           const float *bias, bool relu, float *scratch) {
  const int64_t tiles = ddla_winograd_tiles(conv), most = smaller(tiles, FORWARD_TILES);
  const int64_t v_apart = most * conv->in + APART, m_apart = most * conv->out + APART;
  const target to = {.y = y, .bias = bias, .relu = relu};
  float *v = scratch, *m = scratch + POINTS * v_apart;
  for (int64_t first = 0; first < tiles; first += most) {
    const int64_t count = smaller(tiles - first, most);
    transform_input(conv, v, x, first, count, v_apart);
    for (int p = 0; p < POINTS; p++)
      for (int64_t o = 0; o < conv->out; o += DDLA_BLOCK_COLUMNS) {
        const int columns = (int)smaller(conv->out - o, DDLA_BLOCK_COLUMNS);
        const ddla_block block = {.c = m + p * m_apart + o, .c_row = conv->out,
                                  .a = v + p * v_apart, .a_row = conv->in, .a_step = 1,
                                  .b = packed + (p * conv->out + o) * conv->in, .b_row = columns,
                                  .depth = conv->in};
        ddla_block_run(&block, count, columns);
      }
    transform_results(conv, &to, m, first, count, m_apart);
  }
}

/* W[point][tile][channel] = A dY Aᵀ of `count` tiles from `first` on. */
DDLA_AVX512 static void transform_gradient(const ddla_winograd *conv, float *w, const float *dy, int64_t first,
                                           int64_t count, int64_t apart) {
  const int64_t row = conv->out_width * conv->out, size = conv->out_height * row;
  tile t = tile_at(conv, first);
  for (int64_t k = 0; k < count; k++, tile_next(conv, &t)) {
    const unsigned rows = inside(2 * t.row, 2, conv->out_height);
    const unsigned columns = inside(2 * t.column, 2, conv->out_width);
    for (int64_t o = 0; o < conv->out; o += 16) {
      __m512 d[4], s[8];
      load_patch(d, dy + t.image * size, 2 * t.row * row + 2 * t.column * conv->out + o, row, conv->out, rows,
                 columns, 2);
      for (int j = 0; j < 2; j++) {
        s[j] = d[j], s[2 + j] = _mm512_add_ps(d[j], d[2 + j]);
        s[4 + j] = _mm512_sub_ps(d[j], d[2 + j]), s[6 + j] = _mm512_sub_ps(_mm512_setzero_ps(), d[2 + j]);
      }
      float *to = w + k * conv->out + o;
      for (int i = 0; i < 4; i++) {
        __m512 a = s[2 * i], b = s[2 * i + 1];
        _mm512_storeu_ps(to + (4 * i) * apart, a);
        _mm512_storeu_ps(to + (4 * i + 1) * apart, _mm512_add_ps(a, b));
        _mm512_storeu_ps(to + (4 * i + 2) * apart, _mm512_sub_ps(a, b));
        _mm512_storeu_ps(to + (4 * i + 3) * apart, _mm512_sub_ps(_mm512_setzero_ps(), b));
      }
    }
  }
}

/* One line of dg = Gᵀ m G. */
DDLA_AVX512_INLINE void transform_weights_line(__m512 *to, int to_step, const __m512 *m, int m_step) {
  const __m512 half = _mm512_set1_ps(0.5f);
  __m512 sum = _mm512_mul_ps(half, _mm512_add_ps(m[m_step], m[2 * m_step]));
  to[0] = _mm512_add_ps(m[0], sum);
  to[to_step] = _mm512_mul_ps(half, _mm512_sub_ps(m[m_step], m[2 * m_step]));
  to[2 * to_step] = _mm512_add_ps(sum, m[3 * m_step]);
}

/* dw of 16 outputs and one input from the sums m[point][in][out]. */
DDLA_AVX512 static void transform_weights(const ddla_winograd *conv, float *dw, const float *m, int64_t o,
                                          int64_t i) {
  __m512 point[POINTS], side[12], g[9];
  float lanes[9][16];
  for (int p = 0; p < POINTS; p++)
    point[p] = _mm512_loadu_ps(m + (p * conv->in + i) * conv->out + o);
  for (int j = 0; j < 4; j++) transform_weights_line(side + j, 4, point + j, 4);
  for (int j = 0; j < 3; j++) transform_weights_line(g + 3 * j, 1, side + 4 * j, 1);
  for (int k = 0; k < 9; k++) _mm512_storeu_ps(lanes[k], g[k]);
  for (int lane = 0; lane < 16; lane++) {
    float *to = dw + 9 * ((o + lane) * conv->in + i);
    for (int k = 0; k < 9; k++) to[k] = lanes[k][lane];
  }
}

size_t ddla_winograd_weights_bytes(const ddla_winograd *conv) {
  int64_t tiles = smaller(ddla_winograd_tiles(conv), WEIGHT_TILES);
  return (size_t)(POINTS * (tiles * (conv->in + conv->out) + 2 * APART + conv->in * conv->out)) * sizeof(float);
}

void ddla_winograd_weights(const ddla_winograd *conv, float *dw, const float *x, const float *dy, float *scratch) {
  const int64_t tiles = ddla_winograd_tiles(conv), most = smaller(tiles, WEIGHT_TILES);
  const int64_t v_apart = most * conv->in + APART, w_apart = most * conv->out + APART;
  float *m = scratch, *v = m + POINTS * conv->in * conv->out, *w = v + POINTS * v_apart;
  for (int64_t first = 0; first < tiles; first += most) {
    const int64_t count = smaller(tiles - first, most);
    transform_input(conv, v, x, first, count, v_apart);
    transform_gradient(conv, w, dy, first, count, w_apart);
    for (int p = 0; p < POINTS; p++)
      for (int64_t o = 0; o < conv->out; o += DDLA_BLOCK_COLUMNS) {
        const ddla_block block = {.c = m + p * conv->in * conv->out + o, .c_row = conv->out,
                                  .a = v + p * v_apart, .a_row = 1, .a_step = conv->in,
                                  .b = w + p * w_apart + o, .b_row = conv->out,
                                  .depth = count, .add = first > 0};
        ddla_block_run(&block, conv->in, (int)smaller(conv->out - o, DDLA_BLOCK_COLUMNS));
      }
  }
  for (int64_t o = 0; o < conv->out; o += 16)
    for (int64_t i = 0; i < conv->in; i++) transform_weights(conv, dw, m, o, i);
}

#endif
