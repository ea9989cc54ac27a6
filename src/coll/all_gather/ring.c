/* All-gather by messages around a ring: in step s every rank passes on to its right neighbour the
 * slice it got in step s - 1. Steps: ranks - 1. Bytes: every rank sends all slices but its right
 * neighbour's. */
#include "coll/plan.h"

static bool accepts(const ddla_coll_plan *plan) { return !plan->output_one; }

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  void *output = plan->call.output;
  int ranks = plan->ranks, right = (plan->rank + 1) % ranks,
      left = (plan->rank - 1 + ranks) % ranks;
  ddla_coll_span own = ddla_coll_span_of(plan, plan->rank);
  ddla_emit_move copy = {
      .from = plan->call.input, .to = ddla_coll_at(output, own.offset), .bytes = own.bytes};
  if (plan->call.input) DDLA_TRY(ddla_emit_copy(&e, &copy));
  ddla_step_range ready = ddla_emit_all(&e); /* the slice that this step sends is there */
  for (int s = 0; s < ranks - 1; s++) {
    ddla_coll_span out = ddla_coll_span_of(plan, (plan->rank - s + ranks) % ranks);
    ddla_coll_span in = ddla_coll_span_of(plan, (plan->rank - s - 1 + ranks) % ranks);
    ddla_emit_move send = {.peer = right,
                           .label = (uint32_t)s,
                           .from = ddla_coll_at(output, out.offset),
                           .bytes = out.bytes,
                           .after = ready};
    ddla_emit_move recv = {.peer = left,
                           .label = (uint32_t)s,
                           .to = ddla_coll_at(output, in.offset),
                           .bytes = in.bytes};
    DDLA_TRY(ddla_emit_recv(&e, &recv));
    int received = schedule->step_count - 1;
    DDLA_TRY(ddla_emit_send(&e, &send));
    ready = (ddla_step_range){received, received + 1};
  }
  return DDLA_OK;
}

extern const ddla_coll_row ddla_coll_row_all_gather_ring;
const ddla_coll_row ddla_coll_row_all_gather_ring = {"all_gather/ring", DDLA_COLL_ALL_GATHER,
                                                     accepts, emit};
