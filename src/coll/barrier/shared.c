/* Barrier over words in shared memory: every rank signals and waits for the words of all others.
 * Steps: 1 wait. Bytes per rank: 0 (one cache line written, ranks - 1 read). */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage != NULL; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  schedule->in_order = true;
  return ddla_emit_meet(&e, 1);
}

extern const ddla_coll_row ddla_coll_row_barrier_shared;
const ddla_coll_row ddla_coll_row_barrier_shared = {"barrier/shared", DDLA_COLL_BARRIER, accepts,
                                                    emit};
