/* Broadcast into shared memory: root puts its data into its own output, the others read it from
 * there. Steps: 2 waits. Bytes: every rank copies count once (root only if its input is not its
 * output); a common output is written by root alone. */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage && plan->output_shared; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  const ddla_coll_call *call = &plan->call;
  schedule->in_order = true;
  bool root = plan->rank == call->root;
  ddla_emit_move move = {.from = call->input, .to = call->output, .bytes = ddla_coll_bytes(plan)};
  if (root && call->input) DDLA_TRY(ddla_emit_copy(&e, &move));
  DDLA_TRY(ddla_emit_meet(&e, 1));
  move.from = ddla_transport_peer(plan->transport, call->output, call->root);
  if (!root) DDLA_TRY(ddla_emit_copy(&e, &move));
  return ddla_emit_meet(&e, 2);
}

extern const ddla_coll_row ddla_coll_row_broadcast_direct;
const ddla_coll_row ddla_coll_row_broadcast_direct = {"broadcast/direct", DDLA_COLL_BROADCAST,
                                                      accepts, emit};
