/* What an exchange between hosts takes, in closed form; docs/PERFORMANCE.md states it. Pure
 * functions, made without looking at the schedule's messages. */
#ifndef DDLA_BENCH_SIM_CLUSTER_FORMULA_H
#define DDLA_BENCH_SIM_CLUSTER_FORMULA_H

#include <stdint.h>

#include "sim_cluster/network.h"

/* Everything is final at time 0, and every host has one partial sum. */
typedef struct formula_case {
  int hosts, ranges;
  int64_t bytes, range_bytes; /* S: of the parameter space; r: of a range but the last, which has
                                 what is left */
  int64_t record_bytes;       /* of a host's message to every other beside gradients */
} formula_case;

/* Bytes of the ranges that host h owns: h, h + H, h + 2H, … */
int64_t formula_own_bytes(const formula_case *c, int host);

/* Sent by host h: what it does not own, once; what it owns, H - 1 times; its records.
 *   S - own(h) + (H - 1) own(h) + (H - 1) records */
int64_t formula_sent_bytes(const formula_case *c, int host);

/* The most that any host sends; and 2 (H - 1) S / H, below which no all-reduce gets all hosts. */
int64_t formula_sent_bytes_most(const formula_case *c);
double formula_least_bytes(const formula_case *c);

/* Seconds of the whole exchange: three latencies (the receivers' word, the partial sums, the sums)
 * and the two passes over the busiest link,
 *   3 L + (gather + give) / B
 *   gather = give = max over h of max((H - 1) own(h), S - own(h))
 * on a flat network. With leaves, messages between them also share uplinks: see formula.c. */
double formula_seconds(const formula_case *c, const network *net);

#endif
