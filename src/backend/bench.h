/* Times of ops under their kernels: the sample cases that the ops give, and the shapes of real
 * models. */
#ifndef DDLA_BACKEND_BENCH_H
#define DDLA_BACKEND_BENCH_H

#include <stdbool.h>

#include "backend/kernel.h"

enum { DDLA_BENCH_TEXT_BYTES = 160 };

/* One case under one kernel. Times are medians of single runs, in processor time of one thread, on
 * data that the run before has left in the cache. */
typedef struct ddla_bench_row {
  const char *op, *kernel;                /* kernel: the one that ran */
  char shapes[DDLA_BENCH_TEXT_BYTES];     /* of the inputs: "[16, 28, 28, 1] [32, 1, 3, 3] [32]" */
  char attrs[DDLA_BENCH_TEXT_BYTES];      /* "padding=1 stride=2" */
  double forward_us, backward_us;         /* backward of every input; 0: the op has none */
  double forward_gflops, backward_gflops; /* 0 where the op counts none; backward: forward's times
                                             the number of wanted gradients of rank 2 and more */
  double forward_share, backward_share; /* of the FMA peak of one core, measured between the runs */
} ddla_bench_row;

/* What to time; zero means default. */
typedef struct ddla_bench_options {
  const char *op;     /* only this one; null: all */
  const char *kernel; /* only under this one ("reference"); null: the first that accepts */
  double seconds;     /* for one direction of one row [0.1] */
  ddla_precision precision;
  bool samples; /* also the ops' small sample cases, not only realistic shapes */
} ddla_bench_options;

/* Times the cases one after another; *out (caller frees it with ddla_free) holds *count rows,
 * *peak_gflops the best peak seen. Errors: INVALID for an unknown op or kernel, NO_MEMORY,
 * INTERNAL. */
ddla_status ddla_backend_bench(ddla_bench_row **out, int *count, double *peak_gflops,
                               const ddla_bench_options *options);

#endif
