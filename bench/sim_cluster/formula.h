/* What an exchange between hosts takes, in closed form; docs/PERFORMANCE.md states it. Pure
 * functions, made without looking at the schedule's messages. */
#ifndef DDLA_BENCH_SIM_CLUSTER_FORMULA_H
#define DDLA_BENCH_SIM_CLUSTER_FORMULA_H

#include <stdint.h>

#include "network.h"

/* Everything is final at time 0, and every host has as many partial sums. */
typedef struct formula_case {
  int hosts, ranges;
  int parts; /* p: partial sums of a host; 1 where shards and hosts are powers of two */
  int64_t bytes, range_bytes; /* S: of the parameter space, whole blocks; r: of the longest range */
  int64_t block_bytes;        /* by which ranges may differ; 0: the last one alone is shorter */
  int64_t record_bytes;       /* of a host's message to every other beside gradients */
} formula_case;

/* Bytes of the ranges that host h owns: h, h + H, h + 2H, … */
int64_t formula_own_bytes(const formula_case *c, int host);

/* Sent by host h: what it does not own, once for each partial sum; what it owns, H - 1 times; its
 * records.
 *   p (S - own(h)) + (H - 1) own(h) + (H - 1) records */
int64_t formula_sent_bytes(const formula_case *c, int host);

/* The most that any host sends; and 2 (H - 1) S / H, below which no all-reduce gets all hosts. */
int64_t formula_sent_bytes_most(const formula_case *c);
double formula_least_bytes(const formula_case *c);

/* Seconds of the whole exchange: three latencies (the receivers' word, the partial sums, the sums)
 * and two passes over the busiest link,
 *   3 L + (gather + give) / B
 * On a flat network, with A the most that a host owns:
 *   gather = p (H - 1) A and give = (H - 1) A               where all own as much
 *   give = max over h of max((H - 1) own(h), S - own(h))
 *   gather = A max over h of f p m + g (q + m) + (1 - f - g) max(q, p m)
 *     with m = H - 1, f = own(h) / A, q = p (S - own(h)) / A, g = min(f, 1 - f)
 * Who owns less than others has its sum early, at f p m; then its m sums share its link with the q
 * partial sums for which the other owners still wait, until the first of both are through, g (q +
 * m); then come those that are left. With leaves, messages between them also share uplinks: see
 * formula.c. */
double formula_seconds(const formula_case *c, const network *net);

#endif
