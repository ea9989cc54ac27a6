#include "backend/vector.h"

#include <string.h>

#include "backend/avx512.h"

/* Each loop twice: AVX-512 by hand, where A(p) is the vector of array p at i and V gives the
 * result; else plain C, which compilers turn into the vectors of the baseline. There is no
 * multiply-add in them, so bits are the same. */
#if DDLA_HAS_AVX512
#define A(p) ddla_load_first((p) + i, n)
#define LOOP_512(name, parameters, V)                                                              \
  DDLA_AVX512 static void name##_512 parameters {                                                  \
    int64_t i = 0;                                                                                 \
    for (; i + 16 <= count; i += 16) {                                                             \
      enum { n = 16 };                                                                             \
      _mm512_storeu_ps(to + i, V);                                                                 \
    }                                                                                              \
    const int n = (int)(count - i);                                                                \
    if (n > 0) ddla_store_first(to + i, n, V);                                                     \
  }
#define CHOOSE(name, arguments)                                                                    \
  if (ddla_cpu() >= DDLA_CPU_AVX512) {                                                             \
    name##_512 arguments;                                                                          \
    return;                                                                                        \
  }
#else
#define LOOP_512(name, parameters, V)
#define CHOOSE(name, arguments)
#endif

#define LOOP(name, parameters, arguments, V, scalar)                                               \
  LOOP_512(name, parameters, V)                                                                    \
  void ddla_vector_##name parameters {                                                             \
    CHOOSE(name, arguments)                                                                        \
    for (int64_t i = 0; i < count; i++) to[i] = scalar;                                            \
  }

LOOP(sum, (float *to, const float *a, const float *b, int64_t count), (to, a, b, count),
     _mm512_add_ps(A(a), A(b)), a[i] + b[i])

LOOP(product, (float *to, const float *a, const float *b, int64_t count), (to, a, b, count),
     _mm512_mul_ps(A(a), A(b)), a[i] * b[i])

LOOP(scale, (float *to, const float *from, float alpha, int64_t count), (to, from, alpha, count),
     _mm512_mul_ps(A(from), _mm512_set1_ps(alpha)), from[i] * alpha)

LOOP(mask, (float *to, const float *from, const float *gate, int64_t count),
     (to, from, gate, count),
     _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(A(gate), _mm512_setzero_ps(), _CMP_NLE_UQ), A(from)),
     gate[i] <= 0 ? 0 : from[i])

LOOP(leak, (float *to, const float *from, const float *gate, float slope, int64_t count),
     (to, from, gate, slope, count),
     _mm512_mask_mul_ps(A(from), _mm512_cmp_ps_mask(A(gate), _mm512_setzero_ps(), _CMP_NGT_UQ),
                        A(from), _mm512_set1_ps(slope)),
     gate[i] > 0 ? from[i] : slope * from[i])

/* Of a NaN and a number, the instructions give the second. */
LOOP(clamp, (float *to, const float *from, float low, float high, int64_t count),
     (to, from, low, high, count),
     _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), A(from))),
     from[i]<low ? low : from[i]> high ? high : from[i])

LOOP(between,
     (float *to, const float *from, const float *gate, const float limit[2], int64_t count),
     (to, from, gate, limit, count),
     _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(A(gate), _mm512_set1_ps(limit[0]), _CMP_GT_OQ) &
                             _mm512_cmp_ps_mask(A(gate), _mm512_set1_ps(limit[1]), _CMP_LT_OQ),
                         A(from)),
     gate[i] > limit[0] && gate[i] < limit[1] ? from[i] : 0)

/* What is added carries into the 16 bits that stay where more than half of their last one is cut
 * off, or half and that last one is set. A NaN, whose bits this could carry away, becomes a quiet
 * one. */
static uint32_t nearest_bf16(float x) {
  uint32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return x != x ? bits | 0x400000U : bits + 0x7fffU + (bits >> 16 & 1U);
}

static float round_to_bf16(float x) {
  const uint32_t bits = nearest_bf16(x) & 0xffff0000U;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#if DDLA_HAS_AVX512
DDLA_AVX512_INLINE __m512i nearest_bf16_512(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), last);
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  return _mm512_mask_mov_epi32(up, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet);
}

DDLA_AVX512_INLINE __m512 round_to_bf16_512(__m512 x) {
  const __m512i kept = _mm512_set1_epi32((int)0xffff0000U);
  return _mm512_castsi512_ps(_mm512_and_si512(nearest_bf16_512(x), kept));
}

DDLA_AVX512 static void narrow_bf16_512(uint16_t *to, const float *from, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const int n = ddla_vector_left(count, i);
    const __m512i bits = nearest_bf16_512(ddla_load_first(from + i, n));
    const __m256i narrow = _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
    if (n == 16) _mm256_storeu_si256((__m256i *)(to + i), narrow);
    else _mm256_mask_storeu_epi16(to + i, ddla_mask_first(n), narrow);
  }
}
#endif

LOOP(round_bf16, (float *to, const float *from, int64_t count), (to, from, count),
     round_to_bf16_512(A(from)), round_to_bf16(from[i]))

void ddla_vector_narrow_bf16(uint16_t *to, const float *from, int64_t count) {
  CHOOSE(narrow_bf16, (to, from, count))
  for (int64_t i = 0; i < count; i++) to[i] = (uint16_t)(nearest_bf16(from[i]) >> 16);
}

void ddla_vector_add(float *to, const float *from, int64_t count) {
  ddla_vector_sum(to, to, from, count);
}

void ddla_vector_relu(float *to, const float *from, int64_t count) {
  ddla_vector_mask(to, from, from, count);
}

#if DDLA_HAS_AVX512
/* Eight sums in flight: of two rows by four vectors of columns, or of eight rows by one vector. */
DDLA_AVX512 static void sum_columns_64(float *to, const float *from, int64_t rows,
                                       int64_t columns) {
  __m512 even[4], odd[4];
  for (int k = 0; k < 4; k++) even[k] = odd[k] = _mm512_setzero_ps();
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2, from += 2 * columns)
    for (int k = 0; k < 4; k++) {
      even[k] = _mm512_add_ps(even[k], _mm512_loadu_ps(from + 16 * k));
      odd[k] = _mm512_add_ps(odd[k], _mm512_loadu_ps(from + columns + 16 * k));
    }
  for (int k = 0; k < 4; k++) {
    if (r < rows) even[k] = _mm512_add_ps(even[k], _mm512_loadu_ps(from + 16 * k));
    _mm512_storeu_ps(to + 16 * k, _mm512_add_ps(even[k], odd[k]));
  }
}

DDLA_AVX512_INLINE void sum_columns_16(float *to, const float *from, int64_t rows, int64_t columns,
                                       int n) {
  __m512 sum[8];
  for (int k = 0; k < 8; k++) sum[k] = _mm512_setzero_ps();
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8, from += 8 * columns)
    for (int k = 0; k < 8; k++)
      sum[k] = _mm512_add_ps(sum[k], ddla_load_first(from + k * columns, n));
  for (; r < rows; r++, from += columns) sum[0] = _mm512_add_ps(sum[0], ddla_load_first(from, n));
  for (int step = 4; step > 0; step /= 2)
    for (int k = 0; k < step; k++) sum[k] = _mm512_add_ps(sum[k], sum[k + step]);
  ddla_store_first(to, n, sum[0]);
}

DDLA_AVX512 static void sum_rows_512(float *to, const float *from, int64_t rows, int64_t columns) {
  int64_t c = 0;
  for (; c + 64 <= columns; c += 64) sum_columns_64(to + c, from + c, rows, columns);
  for (; c + 16 <= columns; c += 16) sum_columns_16(to + c, from + c, rows, columns, 16);
  if (c < columns) sum_columns_16(to + c, from + c, rows, columns, (int)(columns - c));
}
#endif

void ddla_vector_sum_rows(float *to, const float *from, int64_t rows, int64_t columns) {
  CHOOSE(sum_rows, (to, from, rows, columns))
  memset(to, 0, (size_t)columns * sizeof *to);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++) to[c] += from[r * columns + c];
}
