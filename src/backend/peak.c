#include "backend/peak.h"

#include "base/clock.h"

#include <time.h>

#include "backend/cpu.h"

enum { ROUNDS = 20000 };

#if defined(__x86_64__)
#include <immintrin.h>

/* Equal starting values are merged by the compiler, so each sum has its own, and passes through an
 * empty asm. */
#define EACH_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define EACH_24(X)                                                                                 \
  EACH_12(X) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)

__attribute__((target("avx512f"))) static float run_512(float seed) {
  __m512 a = _mm512_set1_ps(seed), b = _mm512_set1_ps(1e-9f), all = b;
#define START(i) __m512 sum##i = _mm512_set1_ps(seed + (float)(i));
#define STEP(i)                                                                                    \
  sum##i = _mm512_fmadd_ps(sum##i, a, b);                                                          \
  __asm__ volatile("" : "+v"(sum##i));
#define END(i) all = _mm512_add_ps(all, sum##i);
  EACH_24(START)
  for (int round = 0; round < ROUNDS; round++) {
    EACH_24(STEP)
  }
  EACH_24(END)
#undef START
#undef STEP
#undef END
  return _mm512_reduce_add_ps(all);
}

__attribute__((target("avx2,fma"))) static float run_256(float seed) {
  __m256 a = _mm256_set1_ps(seed), b = _mm256_set1_ps(1e-9f), all = b;
#define START(i) __m256 sum##i = _mm256_set1_ps(seed + (float)(i));
#define STEP(i)                                                                                    \
  sum##i = _mm256_fmadd_ps(sum##i, a, b);                                                          \
  __asm__ volatile("" : "+x"(sum##i));
#define END(i) all = _mm256_add_ps(all, sum##i);
  EACH_12(START)
  for (int round = 0; round < ROUNDS; round++) {
    EACH_12(STEP)
  }
  EACH_12(END)
#undef START
#undef STEP
#undef END
  return _mm256_cvtss_f32(all);
}
#endif

/* Vectors of four without fused multiply-add: two roundings, two instructions. */
static float run_plain(float seed) {
  enum { SUMS = 8 };
  typedef float four __attribute__((vector_size(16)));
  four sum[SUMS];
  for (int i = 0; i < SUMS; i++) sum[i] = (four){seed + (float)i, 1, 2, 3};
  for (int round = 0; round < ROUNDS; round++)
    for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * seed + 1e-9f;
  for (int i = 1; i < SUMS; i++) sum[0] += sum[i];
  return sum[0][0];
}

double ddla_peak_time_us(void) { return 1e-3 * (double)ddla_clock_now_ns(ddla_clock_thread()); }

double ddla_peak_burst(void) {
  static volatile float seed = 0.9999f;
  volatile float result = 0; /* keeps the computation */
  (void)result;
  double flops = (double)ROUNDS * 8 * 4 * 2;
  double begin = ddla_peak_time_us();
#if defined(__x86_64__)
  if (ddla_cpu() >= DDLA_CPU_AVX512) {
    result = run_512(seed);
    flops = (double)ROUNDS * 24 * 16 * 2;
  } else if (ddla_cpu() >= DDLA_CPU_AVX2) {
    result = run_256(seed);
    flops = (double)ROUNDS * 12 * 8 * 2;
  } else
#endif
    result = run_plain(seed);
  return 1e-3 * flops / (ddla_peak_time_us() - begin);
}
