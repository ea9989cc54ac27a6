/* Gather by messages: every rank sends its slice to root.
 * Steps: 1. Bytes: every rank but root sends its slice; root receives count less its own slice. */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) {
  (void)plan;
  return true;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  const ddla_coll_call *call = &plan->call;
  ddla_coll_span own = ddla_coll_span_of(plan, plan->rank);
  ddla_emit_move move = {.peer = call->root, .from = call->input, .bytes = own.bytes};
  if (plan->rank != call->root) return ddla_emit_send(&e, &move);
  move.to = ddla_coll_at(call->output, own.offset);
  if (call->input) DDLA_TRY(ddla_emit_copy(&e, &move));
  for (int rank = 0; rank < plan->ranks; rank++) {
    if (rank == plan->rank) continue;
    ddla_coll_span span = ddla_coll_span_of(plan, rank);
    ddla_emit_move in = {
        .peer = rank, .to = ddla_coll_at(call->output, span.offset), .bytes = span.bytes};
    DDLA_TRY(ddla_emit_recv(&e, &in));
  }
  return DDLA_OK;
}

extern const ddla_coll_row ddla_coll_row_gather_linear;
const ddla_coll_row ddla_coll_row_gather_linear = {"gather/linear", DDLA_COLL_GATHER, accepts,
                                                   emit};
