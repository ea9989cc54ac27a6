/* Vectors of 16 floats for loops that are compiled once for each instruction set: an always-inlined body, one
 * function for each width, chosen at the call (no ifuncs: they do not go with sanitizers). Bodies that use only
 * +, -, *, / and comparisons on elements that do not meet each other give the same bits at every width. */
#ifndef DDLA_BACKEND_WIDE_H
#define DDLA_BACKEND_WIDE_H

#include <stdint.h>
#include <string.h>

#include "backend/cpu.h"

/* Vectors cross only calls that are inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

enum { DDLA_WIDE = 16 };

typedef float ddla_wide __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t ddla_wide_int __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint8_t ddla_wide_byte __attribute__((vector_size(16), aligned(1), may_alias));

#define DDLA_INLINE static inline __attribute__((always_inline, unused))

/* n elements of an array (16 or fewer), the rest zero. */
DDLA_INLINE ddla_wide ddla_wide_take(const float *from, int n) {
  if (n == DDLA_WIDE) return *(const ddla_wide *)from;
  float tail[DDLA_WIDE] = {0};
  memcpy(tail, from, (size_t)n * sizeof(float));
  return *(const ddla_wide *)tail;
}

DDLA_INLINE void ddla_wide_put(float *to, int n, ddla_wide value) {
  if (n == DDLA_WIDE)
    *(ddla_wide *)to = value;
  else
    memcpy(to, &value, (size_t)n * sizeof(float));
}

/* value where mask is -1, 0 where it is 0. */
DDLA_INLINE ddla_wide ddla_wide_keep(ddla_wide value, ddla_wide_int mask) {
  return (ddla_wide)((ddla_wide_int)value & mask);
}

/* Number of elements of the vector at `at` of `count`: 16, or what is left. */
DDLA_INLINE int ddla_wide_left(int64_t count, int64_t at) {
  return count - at < DDLA_WIDE ? (int)(count - at) : DDLA_WIDE;
}

/* DDLA_WIDTHS(name, (parameters), (arguments)): static void name(parameters) runs name_body(arguments) compiled
 * for the widest instruction set of this machine. */
#if defined(__x86_64__)
#define DDLA_WIDTHS(name, parameters, arguments)                                                   \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))) static void name##_512 parameters {                              \
    name##_body arguments;                                                                         \
  }                                                                                                \
  __attribute__((target("avx2"))) static void name##_256 parameters { name##_body arguments; }     \
  static void name##_any parameters { name##_body arguments; }                                     \
  static void name parameters {                                                                    \
    ddla_cpu_level level = ddla_cpu();                                                             \
    if (level >= DDLA_CPU_AVX512)                                                                  \
      name##_512 arguments;                                                                        \
    else if (level >= DDLA_CPU_AVX2)                                                               \
      name##_256 arguments;                                                                        \
    else                                                                                           \
      name##_any arguments;                                                                        \
  }
#else
#define DDLA_WIDTHS(name, parameters, arguments)                                                   \
  static void name parameters { name##_body arguments; }
#endif

#endif
