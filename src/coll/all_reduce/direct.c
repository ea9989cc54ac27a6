/* All-reduce over shared memory: every rank sums its slice from all operands where they lie and
 * writes the result into everybody's output, in one pass. Steps: 2 waits. Bytes per rank, P
 * operands in all, N ranks: reads P * count / N, writes count (a common output: count / N). One
 * operand per rank: reads count, writes count, which is the memory traffic of a copy of the array.
 * 8 shards: reads 8 * count / N. */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) {
  return plan->stage && plan->operands_shared && plan->output_shared;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  schedule->in_order = true;
  ddla_coll_span span = ddla_coll_span_of(plan, plan->rank);
  const void *operands[DDLA_TREE_OPERANDS_MAX] = {0};
  void *outputs[DDLA_TRANSPORT_RANKS_MAX] = {0};
  ddla_emit_sum sum = {
      .io = {operands, outputs, plan->output_one ? 1 : plan->ranks, plan->call.type},
      .first = span.first,
      .count = span.count};
  for (int i = 0; i < sum.io.output_count; i++)
    outputs[i] = ddla_transport_peer(plan->transport, plan->call.output, i);
  sum.stream = ddla_emit_streams(ddla_coll_bytes(plan) *
                                 (size_t)(plan->operand_count + sum.io.output_count));
  DDLA_TRY(ddla_emit_addresses(&e, operands));
  DDLA_TRY(ddla_emit_tree_operands(&e, &sum.tree));
  DDLA_TRY(ddla_emit_meet(&e, 1));
  DDLA_TRY(ddla_emit_reduce(&e, &sum));
  return ddla_emit_meet(&e, 2);
}

extern const ddla_coll_row ddla_coll_row_all_reduce_direct;
const ddla_coll_row ddla_coll_row_all_reduce_direct = {"all_reduce/direct", DDLA_COLL_ALL_REDUCE,
                                                       accepts, emit};
