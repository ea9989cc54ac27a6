/* Barrier by dissemination (Hensgen, Finkel, Manber 1988, doi:10.1007/BF01379320): in round k every
 * rank tells the rank 2^k further on and hears from the one 2^k before it. Steps: ceil(log2 ranks).
 * Bytes per rank: 0, in ceil(log2 ranks) empty messages. */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) {
  (void)plan;
  return true;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  uint32_t round = 0;
  for (int far = 1; far < plan->ranks; far *= 2, round++) {
    ddla_step_range before = ddla_emit_all(&e);
    ddla_emit_move out = {
        .peer = (plan->rank + far) % plan->ranks, .label = round, .after = before};
    ddla_emit_move in = {
        .peer = (plan->rank - far + plan->ranks) % plan->ranks, .label = round, .after = before};
    DDLA_TRY(ddla_emit_send(&e, &out));
    DDLA_TRY(ddla_emit_recv(&e, &in));
  }
  return DDLA_OK;
}

extern const ddla_coll_row ddla_coll_row_barrier_dissemination;
const ddla_coll_row ddla_coll_row_barrier_dissemination = {"barrier/dissemination",
                                                           DDLA_COLL_BARRIER, accepts, emit};
