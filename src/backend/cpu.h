/* What this processor (and its operating system) can run, as far as our own kernels distinguish it.
 */
#ifndef DDLA_BACKEND_CPU_H
#define DDLA_BACKEND_CPU_H

typedef enum ddla_cpu_level {
  DDLA_CPU_PLAIN,       /* nothing beyond the compiler's baseline */
  DDLA_CPU_AVX2,        /* AVX2 and FMA */
  DDLA_CPU_AVX512,      /* AVX-512 F, VL, BW, DQ */
  DDLA_CPU_AVX512_BF16, /* and BF16: products of pairs of bf16 numbers */
} ddla_cpu_level;

/* Asked once, then constant. Threads: any. */
ddla_cpu_level ddla_cpu(void);

/* "plain", "avx2", "avx512", "avx512_bf16". Borrowed for ever. */
const char *ddla_cpu_name(ddla_cpu_level level);

#endif
