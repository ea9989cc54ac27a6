#include "backend/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One more than the level; 0: not asked yet, no limit. */
static struct { _Atomic int has, limit; } cpu;

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

/* What the processor is to be taken for; DDLA_CPU_LEVELS: for what it is. */
static ddla_cpu_level pretended(void) {
  const char *name = getenv("DDLA_CPU_AT_MOST");
  return name ? ddla_cpu_find(name) : DDLA_CPU_LEVELS;
}

static ddla_cpu_level least(ddla_cpu_level a, ddla_cpu_level b) { return a < b ? a : b; }

ddla_cpu_level ddla_cpu_has(void) {
  int has = atomic_load_explicit(&cpu.has, memory_order_relaxed);
  if (has == 0) {
    has = (int)least(ask(), pretended()) + 1;
    atomic_store_explicit(&cpu.has, has, memory_order_relaxed);
  }
  return (ddla_cpu_level)(has - 1);
}

ddla_cpu_level ddla_cpu(void) {
  const int limit = atomic_load_explicit(&cpu.limit, memory_order_relaxed);
  return limit == 0 ? ddla_cpu_has() : least(ddla_cpu_has(), (ddla_cpu_level)(limit - 1));
}

void ddla_cpu_limit(ddla_cpu_level level) {
  const int limit = level == DDLA_CPU_LEVELS ? 0 : (int)level + 1;
  atomic_store_explicit(&cpu.limit, limit, memory_order_relaxed);
}

bool ddla_cpu_limited(void) {
  return atomic_load_explicit(&cpu.limit, memory_order_relaxed) > 0 ||
         pretended() != DDLA_CPU_LEVELS;
}

static const char *const names[DDLA_CPU_LEVELS] = {"plain", "avx2", "avx512", "avx512_bf16"};

const char *ddla_cpu_name(ddla_cpu_level level) { return names[level]; }

ddla_cpu_level ddla_cpu_find(const char *name) {
  int level = 0;
  while (level < DDLA_CPU_LEVELS && strcmp(names[level], name) != 0) level++;
  return (ddla_cpu_level)level;
}
