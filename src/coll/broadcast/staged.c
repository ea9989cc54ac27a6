/* Broadcast between private buffers on one machine, through root's staging slots (coll/staged.h).
 * Steps: pieces + 1 waits, pieces = ceil(bytes / 256 KiB). Bytes: every rank copies count once. */
#include "coll/staged.h"

static bool accepts(const ddla_coll_plan *plan) { return plan->stage && !plan->output_one; }

static ddla_status fill(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  (void)argument;
  const ddla_coll_call *call = &e->plan->call;
  if (e->plan->rank != call->root) return DDLA_OK;
  const void *from = call->input ? call->input : call->output;
  size_t offset = 0, bytes = ddla_staged_piece(ddla_coll_bytes(e->plan), piece, &offset);
  ddla_emit_move move = {.from = ddla_coll_at(from, offset), .to = slot, .bytes = bytes};
  return ddla_emit_copy(e, &move);
}

static ddla_status drain(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  (void)argument;
  const ddla_coll_call *call = &e->plan->call;
  size_t offset = 0, bytes = ddla_staged_piece(ddla_coll_bytes(e->plan), piece, &offset);
  ddla_emit_move move = {.from = ddla_transport_peer(e->plan->transport, slot, call->root),
                         .to = ddla_coll_at(call->output, offset),
                         .bytes = bytes};
  if (e->plan->rank == call->root && (!call->input || call->input == call->output)) return DDLA_OK;
  return ddla_emit_copy(e, &move);
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  ddla_staged staged = {ddla_staged_pieces(ddla_coll_bytes(plan)), NULL, fill, drain};
  return ddla_staged_emit(&e, &staged);
}

extern const ddla_coll_row ddla_coll_row_broadcast_staged;
const ddla_coll_row ddla_coll_row_broadcast_staged = {"broadcast/staged", DDLA_COLL_BROADCAST,
                                                      accepts, emit};
