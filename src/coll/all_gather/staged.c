/* All-gather between private buffers on one machine, through everybody's staging slots
 * (coll/staged.h). Steps: pieces + 1 waits, pieces = ceil(largest slice / 256 KiB). Bytes: every
 * rank copies its slice into its slots and everybody's slices from theirs. */
#include "coll/staged.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage && !plan->output_one; }

static ddla_status fill(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  (void)argument;
  const ddla_coll_call *call = &e->plan->call;
  ddla_coll_span span = ddla_coll_span_of(e->plan, e->plan->rank);
  const void *own = call->input ? call->input : ddla_coll_at(call->output, span.offset);
  size_t offset = 0, bytes = ddla_staged_piece(span.bytes, piece, &offset);
  ddla_emit_move move = {.from = ddla_coll_at(own, offset), .to = slot, .bytes = bytes};
  return ddla_emit_copy(e, &move);
}

static ddla_status drain(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  (void)argument;
  const ddla_coll_plan *plan = e->plan;
  for (int i = 0; i < plan->ranks; i++) {
    int rank = (plan->rank + i) % plan->ranks;
    ddla_coll_span span = ddla_coll_span_of(plan, rank);
    size_t offset = 0, bytes = ddla_staged_piece(span.bytes, piece, &offset);
    ddla_emit_move move = {.from = ddla_transport_peer(plan->transport, slot, rank),
                           .to = ddla_coll_at(plan->call.output, span.offset + offset),
                           .bytes = bytes};
    if (rank == plan->rank && !plan->call.input) continue; /* in place */
    DDLA_TRY(ddla_emit_copy(e, &move));
  }
  return DDLA_OK;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  size_t longest = 0;
  for (int rank = 0; rank < plan->ranks; rank++) {
    size_t bytes = ddla_coll_span_of(plan, rank).bytes;
    if (bytes > longest) longest = bytes;
  }
  ddla_staged staged = {ddla_staged_pieces(longest), NULL, fill, drain};
  return ddla_staged_emit(&e, &staged);
}

extern const ddla_coll_row ddla_coll_row_all_gather_staged;
const ddla_coll_row ddla_coll_row_all_gather_staged = {"all_gather/staged", DDLA_COLL_ALL_GATHER,
                                                       accepts, emit};
