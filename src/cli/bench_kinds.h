/* What `ddla bench` can measure. Threads: one thread. */
#ifndef DDLA_CLI_BENCH_KINDS_H
#define DDLA_CLI_BENCH_KINDS_H

#include <stdint.h>

#include "base/status.h"

/* One kind. run gets the words behind "bench": argv[0] is the kind's name. */
typedef struct ddla_bench_kind {
  const char *name, *help;
  ddla_status (*run)(int argc, char **argv);
} ddla_bench_kind;

ddla_status ddla_bench_op(int argc, char **argv);
ddla_status ddla_bench_step(int argc, char **argv);
ddla_status ddla_bench_allreduce(int argc, char **argv);
ddla_status ddla_bench_exchange(int argc, char **argv);
ddla_status ddla_bench_codec(int argc, char **argv);
ddla_status ddla_bench_order(int argc, char **argv);
ddla_status ddla_bench_loader(int argc, char **argv);

/* Median of count numbers, which are sorted by this; 0 where there are none. */
double ddla_bench_median(double *values, int64_t count);

/* A whole number of an option; fallback where text is null. Errors: INVALID naming the option. */
ddla_status ddla_bench_number(int64_t *out, const char *option, const char *text, int64_t fallback,
                              int64_t most);

#endif
