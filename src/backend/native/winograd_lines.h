/* The one-dimensional transforms of Winograd's F(m, 3) for m = 2 and m = 4, on vectors of 16
 * channels; the two-dimensional ones apply them to columns, then to rows. With n = m + 2 points,
 *   input Bᵀ: n -> n, kernel G: 3 -> n, result Aᵀ: n -> m, and for the weights' gradient
 *   gradient A: m -> n, weights Gᵀ: n -> 3.
 * m = 2 has the points 0, 1, -1 and infinity. m = 4 has 0, +-1/sqrt 2, +-sqrt 2 and infinity: their
 * powers stay closer to 1 than those of the usual 0, +-1, +-2, and so do the rounding errors
 * (compare Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd
 * convolution", doi:10.1145/3412380). Elements lie `step` apart. */
#ifndef DDLA_BACKEND_NATIVE_WINOGRAD_LINES_H
#define DDLA_BACKEND_NATIVE_WINOGRAD_LINES_H

#include "backend/avx512.h"

#if DDLA_HAS_AVX512

#define DDLA_ROOT2 1.41421356237309504880f
#define DDLA_HALF_ROOT2 0.70710678118654752440f

typedef __m512 ddla_v16; /* 16 channels */

DDLA_AVX512_INLINE ddla_v16 ddla_times(float a, ddla_v16 x) {
  return _mm512_mul_ps(_mm512_set1_ps(a), x);
}

/* a x + y */
DDLA_AVX512_INLINE ddla_v16 ddla_madd(float a, ddla_v16 x, ddla_v16 y) {
  return _mm512_fmadd_ps(_mm512_set1_ps(a), x, y);
}

DDLA_AVX512_INLINE ddla_v16 ddla_plus(ddla_v16 x, ddla_v16 y) { return _mm512_add_ps(x, y); }
DDLA_AVX512_INLINE ddla_v16 ddla_minus(ddla_v16 x, ddla_v16 y) { return _mm512_sub_ps(x, y); }

DDLA_AVX512_INLINE void ddla_line_input(ddla_v16 *d, const int step, const int m) {
  const ddla_v16 d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
  if (m == 2) {
    d[0] = ddla_minus(d0, d2), d[step] = ddla_plus(d1, d2);
    d[2 * step] = ddla_minus(d2, d1), d[3 * step] = ddla_minus(d1, d3);
    return;
  }
  const ddla_v16 d4 = d[4 * step], d5 = d[5 * step];
  const ddla_v16 near_even = ddla_madd(-2, d2, d4), far_even = ddla_madd(-0.5f, d2, d4);
  const ddla_v16 near_odd = ddla_madd(DDLA_HALF_ROOT2, d3, ddla_times(-DDLA_ROOT2, d1));
  const ddla_v16 far_odd = ddla_madd(DDLA_ROOT2, d3, ddla_times(-DDLA_HALF_ROOT2, d1));
  d[0] = ddla_madd(-2.5f, d2, ddla_plus(d0, d4));
  d[step] = ddla_plus(near_even, near_odd), d[2 * step] = ddla_minus(near_even, near_odd);
  d[3 * step] = ddla_plus(far_even, far_odd), d[4 * step] = ddla_minus(far_even, far_odd);
  d[5 * step] = ddla_madd(-2.5f, d3, ddla_plus(d1, d5));
}

DDLA_AVX512_INLINE void ddla_line_kernel(ddla_v16 *to, const int to_step, const ddla_v16 *g,
                                         const int step, const int m) {
  const ddla_v16 g0 = g[0], g1 = g[step], g2 = g[2 * step];
  to[0] = g0;
  if (m == 2) {
    const ddla_v16 even = ddla_times(0.5f, ddla_plus(g0, g2)), odd = ddla_times(0.5f, g1);
    to[to_step] = ddla_plus(even, odd), to[2 * to_step] = ddla_minus(even, odd);
    to[3 * to_step] = g2;
    return;
  }
  const ddla_v16 near_even = ddla_madd(-2.0f / 3, g0, ddla_times(-1.0f / 3, g2));
  const ddla_v16 far_even = ddla_madd(1.0f / 6, g0, ddla_times(1.0f / 3, g2));
  const ddla_v16 near_odd = ddla_times(-DDLA_ROOT2 / 3, g1),
                 far_odd = ddla_times(DDLA_ROOT2 / 6, g1);
  to[to_step] = ddla_plus(near_even, near_odd), to[2 * to_step] = ddla_minus(near_even, near_odd);
  to[3 * to_step] = ddla_plus(far_even, far_odd), to[4 * to_step] = ddla_minus(far_even, far_odd);
  to[5 * to_step] = g2;
}

DDLA_AVX512_INLINE void ddla_line_result(ddla_v16 *to, const int to_step, const ddla_v16 *s,
                                         const int step, const int m) {
  const ddla_v16 even = ddla_plus(s[step], s[2 * step]), odd = ddla_minus(s[step], s[2 * step]);
  if (m == 2) {
    to[0] = ddla_plus(s[0], even), to[to_step] = ddla_minus(odd, s[3 * step]);
    return;
  }
  const ddla_v16 far_even = ddla_plus(s[3 * step], s[4 * step]),
                 far_odd = ddla_minus(s[3 * step], s[4 * step]);
  to[0] = ddla_plus(s[0], ddla_plus(even, far_even));
  to[to_step] = ddla_madd(DDLA_ROOT2, far_odd, ddla_times(DDLA_HALF_ROOT2, odd));
  to[2 * to_step] = ddla_madd(2, far_even, ddla_times(0.5f, even));
  to[3 * to_step] =
      ddla_madd(2 * DDLA_ROOT2, far_odd, ddla_madd(0.5f * DDLA_HALF_ROOT2, odd, s[5 * step]));
}

DDLA_AVX512_INLINE void ddla_line_gradient(ddla_v16 *to, const int to_step, const ddla_v16 *y,
                                           const int step, const int m) {
  const ddla_v16 y0 = y[0], y1 = y[step];
  to[0] = y0;
  if (m == 2) {
    to[to_step] = ddla_plus(y0, y1), to[2 * to_step] = ddla_minus(y0, y1);
    to[3 * to_step] = ddla_times(-1, y1);
    return;
  }
  const ddla_v16 y2 = y[2 * step], y3 = y[3 * step];
  const ddla_v16 near_even = ddla_madd(0.5f, y2, y0), far_even = ddla_madd(2, y2, y0);
  const ddla_v16 near_odd = ddla_madd(0.5f * DDLA_HALF_ROOT2, y3, ddla_times(DDLA_HALF_ROOT2, y1));
  const ddla_v16 far_odd = ddla_madd(2 * DDLA_ROOT2, y3, ddla_times(DDLA_ROOT2, y1));
  to[to_step] = ddla_plus(near_even, near_odd), to[2 * to_step] = ddla_minus(near_even, near_odd);
  to[3 * to_step] = ddla_plus(far_even, far_odd), to[4 * to_step] = ddla_minus(far_even, far_odd);
  to[5 * to_step] = y3;
}

DDLA_AVX512_INLINE void ddla_line_weights(ddla_v16 *to, const int to_step, const ddla_v16 *s,
                                          const int step, const int m) {
  const ddla_v16 even = ddla_plus(s[step], s[2 * step]), odd = ddla_minus(s[step], s[2 * step]);
  if (m == 2) {
    const ddla_v16 half = ddla_times(0.5f, even);
    to[0] = ddla_plus(s[0], half), to[to_step] = ddla_times(0.5f, odd);
    to[2 * to_step] = ddla_plus(half, s[3 * step]);
    return;
  }
  const ddla_v16 far_even = ddla_plus(s[3 * step], s[4 * step]),
                 far_odd = ddla_minus(s[3 * step], s[4 * step]);
  to[0] = ddla_madd(-2.0f / 3, even, ddla_madd(1.0f / 6, far_even, s[0]));
  to[to_step] = ddla_madd(-DDLA_ROOT2 / 3, odd, ddla_times(DDLA_ROOT2 / 6, far_odd));
  to[2 * to_step] = ddla_madd(-1.0f / 3, even, ddla_madd(1.0f / 3, far_even, s[5 * step]));
}

#endif
#endif
