/* All-reduce of little data by messages: every rank sends all its partial sums to all others, and
 * sums itself. Steps: 1. Bytes per rank: sends q * count * (N - 1); q as in
 * reduce_scatter/linear.c. */
#include "coll/messages.h"

enum { BYTES_MAX = 16 * 1024 };

static bool accepts(const ddla_coll_plan *plan) {
  return !plan->output_one &&
         (plan->ranks <= 2 || ddla_coll_bytes(plan) * (size_t)plan->partial_count <= BYTES_MAX);
}

static ddla_status trade(const ddla_emit *e, const void **terms, unsigned char *scratch) {
  const ddla_coll_plan *plan = e->plan;
  size_t bytes = ddla_coll_bytes(plan);
  ddla_step_range ready = ddla_emit_all(e);
  for (int i = 0; i < plan->partial_count; i++) {
    ddla_emit_move move = {.peer = plan->partials[i].rank, .label = (uint32_t)i, .bytes = bytes};
    if (move.peer != plan->rank) {
      terms[i] = move.to = scratch;
      scratch += (bytes + 63) / 64 * 64;
      DDLA_TRY(ddla_emit_recv(e, &move));
      continue;
    }
    move.from = terms[i];
    move.after = ready;
    for (int k = 1; k < plan->ranks; k++) {
      move.peer = (plan->rank + k) % plan->ranks;
      DDLA_TRY(ddla_emit_send(e, &move));
    }
  }
  return DDLA_OK;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  size_t bytes = (ddla_coll_bytes(plan) + 63) / 64 * 64;
  DDLA_TRY(ddla_schedule_reserve(schedule, bytes * (size_t)(plan->partial_count + 1)));
  unsigned char *scratch = schedule->scratch;
  const void *terms[DDLA_TREE_OPERANDS_MAX] = {0};
  void *output = plan->call.output;
  DDLA_TRY(ddla_messages_partials(&e, terms, &scratch));
  DDLA_TRY(trade(&e, terms, scratch));
  ddla_emit_sum sum = {.io = {terms, &output, 1, plan->call.type},
                       .count = plan->call.count,
                       .after =
                           ddla_emit_all(&e)}; /* also after sends: the output may be the operand */
  DDLA_TRY(ddla_emit_tree_partials(&e, &sum.tree));
  return ddla_emit_reduce(&e, &sum);
}

extern const ddla_coll_row ddla_coll_row_all_reduce_exchange;
const ddla_coll_row ddla_coll_row_all_reduce_exchange = {"all_reduce/exchange",
                                                         DDLA_COLL_ALL_REDUCE, accepts, emit};
