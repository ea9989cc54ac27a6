/* Powers and logarithms of 16 floats, for kernels that need them. */
#ifndef DDLA_BACKEND_NATIVE_EXP2_H
#define DDLA_BACKEND_NATIVE_EXP2_H

#include <math.h>

#include "backend/avx512.h"

#if DDLA_HAS_AVX512

/* 2^(whole + r) for |r| <= 1/2, where a polynomial interpolates 2^r at Chebyshev's points (error
 * 2.5e-9). */
DDLA_AVX512_INLINE __m512 ddla_exp2_parts_512(__m512 whole, __m512 r) {
  __m512 y = _mm512_set1_ps(0.000154614447F);
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.00134004282F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.00961805668F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.0555032723F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.240226509F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.693147207F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1));
  return _mm512_scalef_ps(y, whole);
}

/* 2^x to 1e-7 of itself, for x up to 127. 0 from -150 down, NaN stays. */
DDLA_AVX512_INLINE __m512 ddla_exp2_512(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-150), x); /* of two, the second is returned for a NaN */
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return ddla_exp2_parts_512(whole, _mm512_sub_ps(x, whole));
}

/* e^x to 2e-7 of itself: what is left of x behind a whole number of log 2 is found with log 2 in
 * two parts, of which the first has so few bits that the product is exact. Infinite above 88.72, 0
 * below -104, NaN stays. */
DDLA_AVX512_INLINE __m512 ddla_exp_512(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-105), _mm512_min_ps(_mm512_set1_ps(90), x));
  const __m512 whole = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504F)),
                                            _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 rest = _mm512_fnmadd_ps(whole, _mm512_set1_ps(0.693359375F), x);
  rest = _mm512_fmadd_ps(whole, _mm512_set1_ps(2.12194440e-4F), rest);
  return ddla_exp2_parts_512(whole, _mm512_mul_ps(rest, _mm512_set1_ps(1.44269504F)));
}

/* log x to 1e-7 of itself: x = 2^e (1 + f) with f from -1/4 to 1/2, where log(1 + f) = f - f^2 / 2
 * + f^3 Q(f), and Q interpolates at Chebyshev's points. -infinity at 0, NaN below, NaN stays. */
DDLA_AVX512_INLINE __m512 ddla_log_512(__m512 x) {
  const __m512 one = _mm512_set1_ps(1);
  const __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  const __mmask16 below = _mm512_cmp_ps_mask(m, one, _CMP_LT_OQ);
  __m512 e = _mm512_getexp_ps(x);
  e = _mm512_mask_add_ps(e, below, e, one);
  const __m512 f = _mm512_sub_ps(m, one), square = _mm512_mul_ps(f, f);
  __m512 q = _mm512_set1_ps(0.0428724401F);
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(-0.0956139192F));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.116806932F));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(-0.126393065F));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.142683044F));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(-0.16660817F));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.200001404F));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(-0.250000566F));
  q = _mm512_fmadd_ps(q, f, _mm512_set1_ps(0.333333343F));
  __m512 y = _mm512_mul_ps(q, _mm512_mul_ps(f, square));
  y = _mm512_fmadd_ps(square, _mm512_set1_ps(-0.5F), y);
  y = _mm512_fmadd_ps(e, _mm512_set1_ps(-2.12194440e-4F), y); /* log 2 in two parts, as above */
  y = _mm512_fmadd_ps(e, _mm512_set1_ps(0.693359375F), _mm512_add_ps(y, f));
  const __mmask16 zero = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_EQ_OQ);
  const __mmask16 infinite = _mm512_cmp_ps_mask(x, _mm512_set1_ps(INFINITY), _CMP_EQ_OQ);
  y = _mm512_mask_mov_ps(y, zero, _mm512_set1_ps(-INFINITY));
  return _mm512_mask_mov_ps(y, infinite, x);
}

#endif
#endif
