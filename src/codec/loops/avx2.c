/* AVX2 and F16C. */
#include <string.h>

#include "codec/loops.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,f16c")))
#define IS_PRESENT (__builtin_cpu_supports("avx2") && has_f16c())
#define OWN_FP16
#define OWN_PACK1
#define OWN_COLLECT

/* Not every compiler's __builtin_cpu_supports knows it. */
static bool has_f16c(void) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

/* Eight of the n numbers from i on, the missing ones 0. */
TARGET static inline __m256 eight_of(const float *v, int64_t i, int64_t n) {
  if (n - i >= 8) return _mm256_loadu_ps(v + i);
  float rest[8] = {0};
  memcpy(rest, v + i, (size_t)(n - i) * sizeof *v);
  return _mm256_loadu_ps(rest);
}

TARGET static void pack1(uint8_t *out, const float *v, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) out[i / 8] = (uint8_t)_mm256_movemask_ps(eight_of(v, i, n));
}

TARGET static void pack_fp16(uint8_t *out, const float *v, int64_t n) {
  const __m256 most = _mm256_set1_ps(65504.0F), least = _mm256_set1_ps(-65504.0F);
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 held = _mm256_max_ps(_mm256_min_ps(eight_of(v, i, n), most), least);
    const __m128i half = _mm256_cvtps_ph(held, _MM_FROUND_TO_NEAREST_INT);
    if (n - i >= 8) _mm_storeu_si128((__m128i *)(void *)(out + 2 * i), half);
    else memcpy(out + 2 * i, &half, (size_t)(n - i) * 2);
  }
}

TARGET static void put_fp16(float *to, const uint8_t *in, int64_t n, const float *factor) {
  for (int64_t i = 0; i < n; i += 8) {
    const size_t left = n - i < 8 ? (size_t)(n - i) : 8;
    __m128i half = _mm_setzero_si128();
    if (left == 8) half = _mm_loadu_si128((const __m128i *)(const void *)(in + 2 * i));
    else memcpy(&half, in + 2 * i, left * 2);
    __m256 x = _mm256_cvtph_ps(half);
    if (factor) x = _mm256_add_ps(eight_of(to, i, n), _mm256_mul_ps(_mm256_set1_ps(*factor), x));
    if (left == 8) _mm256_storeu_ps(to + i, x);
    else memcpy(to + i, &x, left * sizeof *to);
  }
}

TARGET static void collect(ddla_codec_picks *picks, const float *v, int64_t at, int64_t n,
                           int32_t least) {
  const __m256i below = _mm256_set1_epi32(least - 1);
  const __m256i magnitude = _mm256_set1_epi32(DDLA_CODEC_MAGNITUDE);
  int64_t count = picks->count;
  for (int64_t i = 0; i < n; i += 8) {
    const __m256i here = _mm256_and_si256(_mm256_castps_si256(eight_of(v, i, n)), magnitude);
    const __m256 large = _mm256_castsi256_ps(_mm256_cmpgt_epi32(here, below));
    uint32_t found = (uint32_t)_mm256_movemask_ps(large);
    if (n - i < 8) found &= (1U << (n - i)) - 1U;
    for (; found; found &= found - 1, count++) {
      const int64_t place = i + __builtin_ctz(found);
      picks->index[count] = (uint32_t)(at + place);
      picks->value[count] = v[place];
    }
  }
  picks->count = count;
}

#else
#define TARGET
#define IS_PRESENT false
#endif

#include "codec/loops_body.h"

LOOPS_OF(avx2, IS_PRESENT);
