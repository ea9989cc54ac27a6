/* Broadcast by messages along a binomial tree with its root at rank 0 after rotation: a rank
 * receives from the rank without its lowest set bit, then sends to those with one more, lower bit,
 * nearest last. Steps: ceil(log2 ranks). Bytes: root sends count * ceil(log2 ranks), all ranks
 * together send count * (ranks - 1). */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) { return !plan->output_one; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  const ddla_coll_call *call = &plan->call;
  int place = (plan->rank - call->root + plan->ranks) % plan->ranks, bit = 1;
  ddla_emit_move move = {.from = call->output, .to = call->output, .bytes = ddla_coll_bytes(plan)};
  if (place == 0 && call->input) {
    move.from = call->input;
    DDLA_TRY(ddla_emit_copy(&e, &move));
    move.from = call->output;
  }
  while (bit < plan->ranks && !(place & bit)) bit *= 2;
  if (place) {
    move.peer = (place - bit + call->root) % plan->ranks;
    DDLA_TRY(ddla_emit_recv(&e, &move));
  }
  move.after = ddla_emit_all(&e);
  for (bit /= 2; bit > 0; bit /= 2) {
    if (place + bit >= plan->ranks) continue;
    move.peer = (place + bit + call->root) % plan->ranks;
    DDLA_TRY(ddla_emit_send(&e, &move));
  }
  return DDLA_OK;
}

extern const ddla_coll_row ddla_coll_row_broadcast_binomial;
const ddla_coll_row ddla_coll_row_broadcast_binomial = {"broadcast/binomial", DDLA_COLL_BROADCAST,
                                                        accepts, emit};
