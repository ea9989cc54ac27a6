/* All-gather into shared outputs: every rank writes its slice into everybody's output.
 * Steps: 2 waits. Bytes: every rank copies its slice once for each rank (an output in place, or a
 * common output: once less, or once in all). */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage && plan->output_shared; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  const ddla_coll_call *call = &plan->call;
  schedule->in_order = true;
  ddla_coll_span span = ddla_coll_span_of(plan, plan->rank);
  void *own = ddla_coll_at(call->output, span.offset);
  ddla_emit_move move = {.from = call->input ? call->input : own, .bytes = span.bytes};
  DDLA_TRY(ddla_emit_meet(&e, 1));
  for (int i = 0; i < (plan->output_one ? 1 : plan->ranks); i++) {
    int rank = (plan->rank + i) % plan->ranks; /* own first; then everybody another one */
    move.to = ddla_coll_at(ddla_transport_peer(plan->transport, call->output, rank), span.offset);
    DDLA_TRY(ddla_emit_copy(&e, &move));
  }
  return ddla_emit_meet(&e, 2);
}

extern const ddla_coll_row ddla_coll_row_all_gather_direct;
const ddla_coll_row ddla_coll_row_all_gather_direct = {"all_gather/direct", DDLA_COLL_ALL_GATHER,
                                                       accepts, emit};
