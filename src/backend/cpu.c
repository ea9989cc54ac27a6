#include "backend/cpu.h"

#include <stdatomic.h>

static ddla_cpu_level ask(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
    return __builtin_cpu_supports("avx512bf16") ? DDLA_CPU_AVX512_BF16 : DDLA_CPU_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return DDLA_CPU_AVX2;
#endif
  return DDLA_CPU_PLAIN;
}

ddla_cpu_level ddla_cpu(void) {
  static _Atomic int known = -1;
  int level = atomic_load_explicit(&known, memory_order_relaxed);
  if (level < 0) {
    level = (int)ask();
    atomic_store_explicit(&known, level, memory_order_relaxed);
  }
  return (ddla_cpu_level)level;
}

const char *ddla_cpu_name(ddla_cpu_level level) {
  static const char *const names[] = {"plain", "avx2", "avx512", "avx512_bf16"};
  return names[level];
}
