/* Winograd's transforms with results rounded to bf16: made in fp32 registers, rounded as they are
 * stored. */
#include "backend/native/block.h"
#include "backend/native/winograd_parts.h"

#if DDLA_HAS_AVX512

enum { EDGE_MAX = DDLA_WINOGRAD_EDGE, POINTS_MAX = DDLA_WINOGRAD_POINTS };

/* 16 numbers at bf16. */
DDLA_AVX512_BF16_INLINE __m256i narrow(ddla_v16 x) { return (__m256i)_mm512_cvtneps_pbh(x); }

/* Pairs of an even and an odd number. */
DDLA_AVX512_BF16_INLINE __m512i pair_up(__m256i even, __m256i odd) {
  const __m512i low = _mm512_cvtepu16_epi32(even), high = _mm512_cvtepu16_epi32(odd);
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

DDLA_AVX512_BF16_INLINE void input_body(const ddla_winograd *conv, float *v, const float *x,
                                        const ddla_winograd_stretch *s, const int m) {
  const int edge = m + 2;
  const int64_t apart = ddla_winograd_apart(conv, conv->in / 2);
  ddla_winograd_tile t = ddla_winograd_tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k++, ddla_winograd_tile_next(conv, &t)) {
    const ddla_winograd_patch p = ddla_winograd_patch_of_input(conv, &t, m);
    for (int64_t c = 0; c < conv->in; c += 16) {
      ddla_v16 side[POINTS_MAX];
      ddla_winograd_input_columns(side, x + c, &p, m);
      float *to = v + k * apart + c / 2;
#pragma GCC unroll 6
      for (int i = 0; i < edge; i++) {
        ddla_line_input(side + edge * i, 1, m);
        for (int j = 0; j < edge; j++, to += conv->in / 2)
          _mm256_storeu_si256((__m256i *)to, narrow(side[edge * i + j]));
      }
    }
  }
}

DDLA_AVX512_BF16 static void input_2(const ddla_winograd *conv, float *v, const float *x,
                                     const ddla_winograd_stretch *s) {
  input_body(conv, v, x, s, 2);
}

DDLA_AVX512_BF16 static void input_4(const ddla_winograd *conv, float *v, const float *x,
                                     const ddla_winograd_stretch *s) {
  input_body(conv, v, x, s, 4);
}

void ddla_winograd_input_bf16(const ddla_winograd *conv, float *v, const float *x,
                              const ddla_winograd_stretch *s) {
  (conv->tile == 2 ? input_2 : input_4)(conv, v, x, s);
}

/* The numbers of a pair of tiles at every point, 16 channels; those of the first one wait here. */
typedef struct pair_store {
  __m256i even[POINTS_MAX];
  float *to;     /* of the next point */
  int64_t apart; /* points */
} pair_store;

DDLA_AVX512_BF16_INLINE void store_pair(pair_store *pair, int point, ddla_v16 value, bool odd) {
  if (odd) {
    _mm512_storeu_si512(pair->to, pair_up(pair->even[point], narrow(value)));
    pair->to += pair->apart;
  } else {
    pair->even[point] = narrow(value);
  }
}

DDLA_AVX512_BF16_INLINE void input_tile(pair_store *pair, const float *x,
                                        const ddla_winograd_patch *p, bool odd, const int m) {
  const int edge = m + 2;
  ddla_v16 side[POINTS_MAX];
  ddla_winograd_input_columns(side, x, p, m);
#pragma GCC unroll 6
  for (int i = 0; i < edge; i++) {
    ddla_line_input(side + edge * i, 1, m);
    for (int j = 0; j < edge; j++) store_pair(pair, edge * i + j, side[edge * i + j], odd);
  }
}

DDLA_AVX512_BF16_INLINE void gradient_tile(pair_store *pair, const float *dy,
                                           const ddla_winograd_patch *p, bool odd, const int m) {
  const int edge = m + 2;
  ddla_v16 side[4 * EDGE_MAX], r[EDGE_MAX];
  ddla_winograd_gradient_columns(side, dy, p, m);
#pragma GCC unroll 6
  for (int i = 0; i < edge; i++) {
    ddla_line_gradient(r, 1, side + m * i, 1, m);
    for (int j = 0; j < edge; j++) store_pair(pair, edge * i + j, r[j], odd);
  }
}

/* All of a stretch, pair by pair. */
DDLA_AVX512_BF16_INLINE void pairs_body(const ddla_winograd *conv, float *to, const float *from,
                                        const ddla_winograd_stretch *s, const int m,
                                        const bool gradient) {
  const int64_t channels = gradient ? conv->out : conv->in;
  ddla_winograd_tile t = ddla_winograd_tile_at(conv, s->first);
  for (int64_t k = 0; k < s->count; k += 2, to += ddla_winograd_apart(conv, channels)) {
    ddla_winograd_patch p[2] = {{0}, {0}}; /* outside of the image: zeros */
    for (int i = 0; i < 2 && k + i < s->count; i++, ddla_winograd_tile_next(conv, &t))
      p[i] = gradient ? ddla_winograd_patch_of_output(conv, &t, m)
                      : ddla_winograd_patch_of_input(conv, &t, m);
    for (int64_t c = 0; c < channels; c += 16) {
      pair_store pair = {.to = to + c, .apart = channels};
      if (gradient) {
        gradient_tile(&pair, from + c, &p[0], false, m);
        gradient_tile(&pair, from + c, &p[1], true, m);
      } else {
        input_tile(&pair, from + c, &p[0], false, m);
        input_tile(&pair, from + c, &p[1], true, m);
      }
    }
  }
}

#define PAIRS(name, m, gradient)                                                                   \
  DDLA_AVX512_BF16 static void name(const ddla_winograd *conv, float *to, const float *from,       \
                                    const ddla_winograd_stretch *s) {                              \
    pairs_body(conv, to, from, s, m, gradient);                                                    \
  }
PAIRS(input_pairs_2, 2, false)
PAIRS(input_pairs_4, 4, false)
PAIRS(gradient_pairs_2, 2, true)
PAIRS(gradient_pairs_4, 4, true)

void ddla_winograd_input_pairs(const ddla_winograd *conv, float *v, const float *x,
                               const ddla_winograd_stretch *s) {
  (conv->tile == 2 ? input_pairs_2 : input_pairs_4)(conv, v, x, s);
}

void ddla_winograd_gradient_pairs(const ddla_winograd *conv, float *w, const float *dy,
                                  const ddla_winograd_stretch *s) {
  (conv->tile == 2 ? gradient_pairs_2 : gradient_pairs_4)(conv, w, dy, s);
}

/* Where the kernels of an input and of 16 outputs lie. */
typedef struct kernel_place {
  int64_t apart, next; /* floats between the outputs, and to the next input */
  bool turned;
} kernel_place;

/* The kernels of 16 outputs for two inputs; `apart` floats between the points. */
DDLA_AVX512_BF16_INLINE void pack_body(float *to, int64_t apart, const float *kernel,
                                       const kernel_place *place, const int m) {
  ddla_v16 even[POINTS_MAX], odd[POINTS_MAX];
  ddla_winograd_kernels(even, kernel, place->apart, place->turned, m);
  ddla_winograd_kernels(odd, kernel + place->next, place->apart, place->turned, m);
  for (int p = 0; p < (m + 2) * (m + 2); p++)
    _mm512_storeu_si512(to + p * apart, pair_up(narrow(even[p]), narrow(odd[p])));
}

DDLA_AVX512_BF16 void ddla_winograd_pack_bf16(float *to, const float *w, const ddla_winograd *conv,
                                              bool turned) {
  const kernel_place place = {.apart = ddla_winograd_kernels_apart(conv, turned),
                              .next = 9 * (turned ? conv->out : 1),
                              .turned = turned};
  const int64_t apart = ddla_winograd_packed_next(conv);
  for (int64_t o = 0; o < conv->out; o += 16) {
    const int64_t panel = o - o % DDLA_BLOCK_COLUMNS,
                  columns = ddla_winograd_smaller(conv->out - panel, DDLA_BLOCK_COLUMNS);
    for (int64_t i = 0; i < conv->in; i += 2) {
      const float *kernel = w + 9 * (turned ? i * conv->out + o : o * conv->in + i);
      float *at = to + panel * conv->in / 2 + i / 2 * columns + (o - panel);
      if (conv->tile == 2) pack_body(at, apart, kernel, &place, 2);
      else pack_body(at, apart, kernel, &place, 4);
    }
  }
}

#endif
