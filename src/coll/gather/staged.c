/* Gather between private buffers on one machine, through everybody's staging slots (coll/staged.h).
 * Steps: pieces + 1 waits, pieces = ceil(largest slice / 256 KiB). Bytes: every rank copies its
 * slice once, root also all slices. */
#include "coll/staged.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage != NULL; }

static ddla_status fill(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  (void)argument;
  size_t offset = 0,
         bytes = ddla_staged_piece(ddla_coll_span_of(e->plan, e->plan->rank).bytes, piece, &offset);
  ddla_emit_move move = {
      .from = ddla_coll_at(e->plan->call.input, offset), .to = slot, .bytes = bytes};
  return e->plan->call.input ? ddla_emit_copy(e, &move) : DDLA_OK;
}

static ddla_status drain(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  (void)argument;
  const ddla_coll_plan *plan = e->plan;
  if (plan->rank != plan->call.root) return DDLA_OK;
  for (int rank = 0; rank < plan->ranks; rank++) {
    if (rank == plan->rank && !plan->call.input) continue; /* in place */
    ddla_coll_span span = ddla_coll_span_of(plan, rank);
    size_t offset = 0, bytes = ddla_staged_piece(span.bytes, piece, &offset);
    ddla_emit_move move = {.from = ddla_transport_peer(plan->transport, slot, rank),
                           .to = ddla_coll_at(plan->call.output, span.offset + offset),
                           .bytes = bytes};
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

extern const ddla_coll_row ddla_coll_row_gather_staged;
const ddla_coll_row ddla_coll_row_gather_staged = {"gather/staged", DDLA_COLL_GATHER, accepts,
                                                   emit};
