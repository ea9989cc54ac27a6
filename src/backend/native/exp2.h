/* Powers of 2 of 16 floats, for kernels that need exponentials. */
#ifndef DDLA_BACKEND_NATIVE_EXP2_H
#define DDLA_BACKEND_NATIVE_EXP2_H

#include "backend/avx512.h"

#if DDLA_HAS_AVX512

/* 2^x to 1e-7 of itself, for x up to 127: whole + r, |r| <= 1/2, where a polynomial interpolates
 * 2^r at Chebyshev's points (error 2.5e-9). 0 from -150 down, NaN stays. */
DDLA_AVX512_INLINE __m512 ddla_exp2_512(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-150), x); /* of two, the second is returned for a NaN */
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(x, whole);
  __m512 y = _mm512_set1_ps(0.000154614447F);
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.00134004282F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.00961805668F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.0555032723F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.240226509F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0.693147207F));
  y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1));
  return _mm512_scalef_ps(y, whole);
}

#endif
#endif
