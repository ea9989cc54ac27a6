/* What our AVX-512 loops share: the target attributes, loads and stores of n of 16 floats. A
 * function that uses these carries DDLA_AVX512, or DDLA_AVX512_BF16 where it multiplies bf16
 * numbers, and is called only where ddla_cpu() says so (no ifuncs: they do not go with sanitizers).
 * Whole vectors take the unmasked forms: n is a constant there and the compiler drops the mask.
 * With DDLA_NO_AVX512 defined, everything is built as for another processor. */
#ifndef DDLA_BACKEND_AVX512_H
#define DDLA_BACKEND_AVX512_H

#include <stdbool.h>

#include "backend/cpu.h"

#if defined(__x86_64__) && !defined(DDLA_NO_AVX512)
#define DDLA_HAS_AVX512 1

#include <immintrin.h>
#include <stdint.h>

#define DDLA_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define DDLA_AVX512_BF16                                                                           \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))
#define DDLA_AVX512_BF16_INLINE                                                                    \
  static inline __attribute__((always_inline, unused,                                              \
                               target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))
#define DDLA_AVX512_INLINE                                                                         \
  static inline                                                                                    \
      __attribute__((always_inline, unused, target("avx512f,avx512bw,avx512vl,avx512dq,fma")))

/* The first n of 16 elements. */
DDLA_AVX512_INLINE __mmask16 ddla_mask_first(int n) { return (__mmask16)((1U << n) - 1U); }

/* 16, or what is left of `count` at `at`. */
DDLA_AVX512_INLINE int ddla_vector_left(int64_t count, int64_t at) {
  return count - at < 16 ? (int)(count - at) : 16;
}

/* n floats, the rest zero. */
DDLA_AVX512_INLINE __m512 ddla_load_first(const float *from, int n) {
  return n == 16 ? _mm512_loadu_ps(from) : _mm512_maskz_loadu_ps(ddla_mask_first(n), from);
}

DDLA_AVX512_INLINE void ddla_store_first(float *to, int n, __m512 value) {
  if (n == 16) _mm512_storeu_ps(to, value);
  else _mm512_mask_storeu_ps(to, ddla_mask_first(n), value);
}

#else
#define DDLA_HAS_AVX512 0
#endif
#endif
