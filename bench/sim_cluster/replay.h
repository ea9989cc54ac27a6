/* The project's own bridges (sync/bridge/bridge.c), one for each host of a simulated cluster, make
 * one step's exchange over link.h, without threads. What they send, to whom and in which order, is
 * theirs. */
#ifndef DDLA_BENCH_SIM_CLUSTER_REPLAY_H
#define DDLA_BENCH_SIM_CLUSTER_REPLAY_H

#include "coll/tree.h"
#include "formula.h"
#include "sync/sum/operands.h"

enum { REPLAY_RECORD_BYTES = 64 }; /* of a shard's record, as the strategy shares them */

typedef struct replay_options {
  int hosts, shards;      /* as many shards for each host */
  const network *net;     /* the wire's */
  int64_t elements;       /* of the parameter space: whole blocks */
  int64_t range_bytes;    /* 0: chosen by the layout */
  double compute_seconds; /* until everything is final; ranges are so one after the other */
  float *const *gradient; /* [hosts][elements]; null: bytes are only counted */
  float *const *sum;      /* [hosts][elements], filled; null exactly if gradient is */
} replay_options;

typedef struct replay_result {
  formula_case layout;    /* of which the exchange was */
  double seconds;         /* from the start to the end of the last host */
  int64_t sent_bytes;     /* of the host that sent the most, by its bridge's own count */
  int64_t received_bytes; /* of the host that received the most */
  int64_t messages;       /* of all hosts */
} replay_result;

/* The wire is open. Errors: the bridge's; INTERNAL where hosts wait for ever. */
ddla_status replay_run(replay_result *out, const replay_options *options);

/* In place of library functions that the bridge calls (see replaced.h): a host's operands;
 * and where bytes are only counted, memory that costs nothing until it is touched, and no sums. */
int replay_operands_list(ddla_operand *out, const ddla_operands *operands, uint64_t step,
                         int64_t samples);
void *replay_alloc_array(size_t count, size_t size);
ddla_status replay_tree_plan_make(ddla_tree_plan *out, int64_t leaves, const ddla_tree_part *parts,
                                  const bool *absent, int count);
void replay_tree_run(const ddla_tree_plan *plan, const ddla_tree_io *io, int64_t first,
                     int64_t count, bool stream);

#endif
