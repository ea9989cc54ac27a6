/* Reduce-scatter by messages: every rank owns a slice and is sent that slice of all partial sums.
 * A rank first sums what it can alone: its operands, subtree by subtree (q partial sums; one
 * operand per rank, or shards dealt out as whole subtrees: q = 1). Steps: 1. Bytes per rank, N
 * ranks, equal slices: sends q * count * (N - 1) / N. One operand per rank: count * (N - 1) / N. 8
 * shards, shard s on rank s * N / 8, the rank with most: q = 2 for N = 3 and 5, else q = 1. */
#include "coll/messages.h"

static bool accepts(const ddla_coll_plan *plan) {
  (void)plan;
  return true;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  return ddla_messages_reduce_scatter(&e, plan->call.output);
}

extern const ddla_coll_row ddla_coll_row_reduce_scatter_linear;
const ddla_coll_row ddla_coll_row_reduce_scatter_linear = {"reduce_scatter/linear",
                                                           DDLA_COLL_REDUCE_SCATTER, accepts, emit};
