/* Gather into root's shared output: every rank writes its slice there.
 * Steps: 2 waits. Bytes: every rank copies its slice once. */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage && plan->output_shared; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  schedule->in_order = true;
  ddla_coll_span span = ddla_coll_span_of(plan, plan->rank);
  void *output = ddla_transport_peer(plan->transport, plan->call.output, plan->call.root);
  ddla_emit_move move = {
      .from = plan->call.input, .to = ddla_coll_at(output, span.offset), .bytes = span.bytes};
  DDLA_TRY(ddla_emit_meet(&e, 1));
  if (plan->call.input) DDLA_TRY(ddla_emit_copy(&e, &move));
  return ddla_emit_meet(&e, 2);
}

extern const ddla_coll_row ddla_coll_row_gather_direct;
const ddla_coll_row ddla_coll_row_gather_direct = {"gather/direct", DDLA_COLL_GATHER, accepts,
                                                   emit};
