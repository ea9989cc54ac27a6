/* The instruction set that is computed with: what this processor (and its operating system) can
 * run, as far as our own kernels distinguish it, or less where a job says so.
 */
#ifndef DDLA_BACKEND_CPU_H
#define DDLA_BACKEND_CPU_H

#include <stdbool.h>

typedef enum ddla_cpu_level {
  DDLA_CPU_PLAIN,       /* nothing beyond the compiler's baseline */
  DDLA_CPU_AVX2,        /* AVX2 and FMA */
  DDLA_CPU_AVX512,      /* AVX-512 F, VL, BW, DQ */
  DDLA_CPU_AVX512_BF16, /* and BF16: products of pairs of bf16 numbers */
  DDLA_CPU_LEVELS
} ddla_cpu_level;

/* What kernels use: what the processor has, or the limit. Threads: any. */
ddla_cpu_level ddla_cpu(void);

/* What the processor has, whatever the limit. The variable DDLA_CPU_AT_MOST with the name of a
 * lesser set makes it count as a processor of that set, which rehearses a mixed cluster. */
ddla_cpu_level ddla_cpu_has(void);

/* From now on no kernel uses more than `level`; DDLA_CPU_LEVELS: no limit. Called through
 * ddla_backend_limit, which tells the libraries too, before anything is prepared. */
void ddla_cpu_limit(ddla_cpu_level level);

/* Whether ddla_cpu() is less than the libraries would find by themselves, or is to be kept to. */
bool ddla_cpu_limited(void);

/* "plain", "avx2", "avx512", "avx512_bf16". Borrowed for ever. */
const char *ddla_cpu_name(ddla_cpu_level level);

/* The set of a name; DDLA_CPU_LEVELS: there is none. */
ddla_cpu_level ddla_cpu_find(const char *name);

#endif
