/* AVX-512 F, VL, BW, DQ. Not its conversion to bf16, which makes zeros of the smallest numbers. */
#include <string.h>

#include "codec/loops.h"

#if defined(__x86_64__) && !defined(DDLA_NO_AVX512)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define IS_PRESENT                                                                                 \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&                      \
   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))

#define OWN_FP16
#define OWN_PACK1
#define OWN_COLLECT

/* The numbers of sixteen from i on that there are. */
TARGET static inline __mmask16 mask_at(int64_t i, int64_t n) {
  return (__mmask16)(n - i >= 16 ? 0xffffU : (1U << (n - i)) - 1U);
}

/* Stores x, or the old numbers and factor times x. */
TARGET static inline void put_sixteen(float *to, __mmask16 there, __m512 x, const float *factor) {
  if (factor) {
    const __m512 old = _mm512_maskz_loadu_ps(there, to);
    x = _mm512_add_ps(old, _mm512_mul_ps(_mm512_set1_ps(*factor), x));
  }
  _mm512_mask_storeu_ps(to, there, x);
}

TARGET static void pack1(uint8_t *out, const float *v, int64_t n) {
  for (int64_t i = 0; i < n; i += 16) {
    const __m512 x = _mm512_maskz_loadu_ps(mask_at(i, n), v + i);
    const uint16_t signs = (uint16_t)_mm512_movepi32_mask(_mm512_castps_si512(x));
    memcpy(out + i / 8, &signs, n - i > 8 ? 2 : 1);
  }
}

TARGET static void pack_fp16(uint8_t *out, const float *v, int64_t n) {
  const __m512 most = _mm512_set1_ps(65504.0F), least = _mm512_set1_ps(-65504.0F);
  for (int64_t i = 0; i < n; i += 16) {
    const __m512 x = _mm512_maskz_loadu_ps(mask_at(i, n), v + i);
    const __m512 held = _mm512_max_ps(_mm512_min_ps(x, most), least);
    const __m256i half = _mm512_cvtps_ph(held, _MM_FROUND_TO_NEAREST_INT);
    _mm256_mask_storeu_epi16(out + 2 * i, mask_at(i, n), half);
  }
}

TARGET static void put_fp16(float *to, const uint8_t *in, int64_t n, const float *factor) {
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = mask_at(i, n);
    const __m256i half = _mm256_maskz_loadu_epi16(there, in + 2 * i);
    put_sixteen(to + i, there, _mm512_cvtph_ps(half), factor);
  }
}

/* Whole vectors are stored, whose first elements count: storing some elements alone is slow. */
TARGET static void collect(ddla_codec_picks *picks, const float *v, int64_t at, int64_t n,
                           int32_t least) {
  const __m512i magnitude = _mm512_set1_epi32(DDLA_CODEC_MAGNITUDE);
  const __m512i limit = _mm512_set1_epi32(least), step = _mm512_set1_epi32(16);
  const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512i place = _mm512_add_epi32(first, _mm512_set1_epi32((int32_t)at));
  int64_t count = picks->count;
  for (int64_t i = 0; i < n; i += 16, place = _mm512_add_epi32(place, step)) {
    const __mmask16 there = mask_at(i, n);
    const __m512 x = _mm512_maskz_loadu_ps(there, v + i);
    const __m512i here = _mm512_and_si512(_mm512_castps_si512(x), magnitude);
    const __mmask16 found = _mm512_mask_cmpge_epi32_mask(there, here, limit);
    if (found == 0) continue;
    _mm512_storeu_si512(picks->index + count, _mm512_maskz_compress_epi32(found, place));
    _mm512_storeu_ps(picks->value + count, _mm512_maskz_compress_ps(found, x));
    count += __builtin_popcount(found);
  }
  picks->count = count;
}

#else
#define TARGET
#define IS_PRESENT false
#endif

#include "codec/loops_body.h"

LOOPS_OF(avx512, IS_PRESENT);
