/* All-reduce by messages: reduce-scatter (reduce_scatter/linear.c), then everybody sends its summed
 * slice to all. Steps: 2. Bytes per rank, N ranks, equal slices: sends (q + 1) * count * (N - 1) /
 * N; one operand per rank: 2 * count * (N - 1) / N, which no algorithm undercuts. */
#include "coll/messages.h"

static bool accepts(const ddla_coll_plan *plan) { return !plan->output_one; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  DDLA_TRY(ddla_messages_reduce_scatter(&e, plan->call.output));
  /* The output may be the operand: a summed slice can only arrive after its owner has got our part
   * of it, so it never overwrites what is still to be sent, and receives need not wait. */
  return ddla_messages_spread(&e, ddla_emit_all(&e), (ddla_step_range){0});
}

extern const ddla_coll_row ddla_coll_row_all_reduce_scatter_gather;
const ddla_coll_row ddla_coll_row_all_reduce_scatter_gather = {"all_reduce/scatter_gather",
                                                               DDLA_COLL_ALL_REDUCE, accepts, emit};
