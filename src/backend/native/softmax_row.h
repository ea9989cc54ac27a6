/* Rows of logits on AVX-512, of at least 16: their largest, and exponentials beside it. */
#ifndef DDLA_BACKEND_NATIVE_SOFTMAX_ROW_H
#define DDLA_BACKEND_NATIVE_SOFTMAX_ROW_H

#include "backend/native/exp2.h"

#if DDLA_HAS_AVX512

/* A NaN is passed over here and comes back in the sum of the exponentials. */
DDLA_AVX512_INLINE float ddla_row_largest_512(const float *z, int64_t count) {
  __m512 most = _mm512_loadu_ps(z);
  for (int64_t c = 16; c < count; c += 16) {
    const __mmask16 here = ddla_mask_first(ddla_vector_left(count, c));
    most = _mm512_mask_max_ps(most, here, most, _mm512_maskz_loadu_ps(here, z + c));
  }
  return _mm512_reduce_max_ps(most);
}

/* exp(z - most) of n numbers, behind them 0. */
DDLA_AVX512_INLINE __m512 ddla_row_exp_512(const float *z, int n, __m512 most) {
  const __m512 x =
      _mm512_mul_ps(_mm512_sub_ps(ddla_load_first(z, n), most), _mm512_set1_ps(1.44269504F));
  return _mm512_maskz_mov_ps(ddla_mask_first(n), ddla_exp2_512(x));
}

/* Sum of exp(z - most), in 32 lanes. */
DDLA_AVX512_INLINE float ddla_row_sum_exp_512(const float *z, int64_t count, float most) {
  const __m512 m = _mm512_set1_ps(most);
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t c = 0;
  for (; c + 32 <= count; c += 32) {
    even = _mm512_add_ps(even, ddla_row_exp_512(z + c, 16, m));
    odd = _mm512_add_ps(odd, ddla_row_exp_512(z + c + 16, 16, m));
  }
  for (; c < count; c += 16)
    even = _mm512_add_ps(even, ddla_row_exp_512(z + c, ddla_vector_left(count, c), m));
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

/* log sum exp; for callers that are not compiled for AVX-512 themselves. */
__attribute__((unused)) DDLA_AVX512 static double ddla_row_lse_512(const float *z, int64_t count) {
  const float most = ddla_row_largest_512(z, count);
  return (double)most + log((double)ddla_row_sum_exp_512(z, count, most));
}

#endif
#endif
