/* Matrix products of our own on AVX-512, for matrices that do not fit the first caches. Sums run
 * over the depth in its order, in stretches given by the depth alone: bits depend on sizes and
 * numbers only. One thread; memory is the caller's. */
#ifndef DDLA_BACKEND_NATIVE_GEMM_H
#define DDLA_BACKEND_NATIVE_GEMM_H

#include "backend/avx512.h"

#if DDLA_HAS_AVX512

/* c [rows, columns] = a [rows, depth] b [depth, columns], dense and row-major. A transposed matrix
 * lies in memory the other way round: a as [depth, rows], b as [columns, depth]. */
typedef struct ddla_gemm {
  int64_t rows, depth, columns;
  bool a_transposed, b_transposed;
} ddla_gemm;

/* What one run works on. */
typedef struct ddla_gemm_run {
  float *c; /* overwritten */
  const float *a;
  const float *b;      /* null: packed is given */
  const float *packed; /* b as ddla_gemm_pack leaves it; null: packed by the run, piece by piece */
  const float *bias;   /* [columns], added to each row; null: none */
  float *scratch;      /* ddla_gemm_scratch_count floats, 64-byte aligned */
} ddla_gemm_run;

/* Floats of scratch that a run needs where b is not packed before (packed: fewer or as many). */
int64_t ddla_gemm_scratch_count(const ddla_gemm *gemm);

/* Floats of a packed b. */
int64_t ddla_gemm_packed_count(const ddla_gemm *gemm);

/* Packs all of b: for each stretch of the depth, panels of 64 columns (the last one narrower, in
 * multiples of 16, filled up with zeros), each [stretch][columns]. */
void ddla_gemm_pack(float *to, const float *b, const ddla_gemm *gemm);

void ddla_gemm_multiply(const ddla_gemm *gemm, const ddla_gemm_run *run);

#endif
#endif
