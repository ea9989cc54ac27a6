/* All-gather by messages, everybody to everybody; for few ranks or little data.
 * Steps: 1. Bytes: every rank sends its slice ranks - 1 times. */
#include "coll/messages.h"

static bool accepts(const ddla_coll_plan *plan) {
  return !plan->output_one && (plan->ranks <= 4 || ddla_coll_bytes(plan) < (size_t)64 * 1024);
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  ddla_coll_span span = ddla_coll_span_of(plan, plan->rank);
  ddla_emit_move move = {.from = plan->call.input,
                         .to = ddla_coll_at(plan->call.output, span.offset),
                         .bytes = span.bytes};
  if (plan->call.input) DDLA_TRY(ddla_emit_copy(&e, &move));
  return ddla_messages_spread(&e, ddla_emit_all(&e), (ddla_step_range){0});
}

extern const ddla_coll_row ddla_coll_row_all_gather_linear;
const ddla_coll_row ddla_coll_row_all_gather_linear = {"all_gather/linear", DDLA_COLL_ALL_GATHER,
                                                       accepts, emit};
