/* Reduce-scatter over shared memory: every rank sums its slice from all operands where they lie.
 * Steps: 2 waits. Bytes per rank, P operands in all, N ranks: reads P * count / N, writes count /
 * N. One operand per rank: reads count, writes count / N. 8 shards on any number of ranks: reads 8
 * * count / N. */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage && plan->operands_shared; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  schedule->in_order = true;
  ddla_coll_span span = ddla_coll_span_of(plan, plan->rank);
  const void *operands[DDLA_TREE_OPERANDS_MAX] = {0};
  void *output = plan->call.output;
  ddla_emit_sum sum = {.io = {operands, &output, 1, plan->call.type},
                       .first = span.first,
                       .count = span.count,
                       .place = span.first};
  sum.stream =
      !plan->call.apply && ddla_emit_streams(ddla_coll_bytes(plan) * (size_t)plan->operand_count);
  DDLA_TRY(ddla_emit_addresses(&e, operands));
  DDLA_TRY(ddla_emit_tree_operands(&e, &sum.tree));
  DDLA_TRY(ddla_emit_meet(&e, 1));
  DDLA_TRY(ddla_emit_reduce_apply(&e, &sum));
  return ddla_emit_meet(&e, 2);
}

extern const ddla_coll_row ddla_coll_row_reduce_scatter_direct;
const ddla_coll_row ddla_coll_row_reduce_scatter_direct = {"reduce_scatter/direct",
                                                           DDLA_COLL_REDUCE_SCATTER, accepts, emit};
