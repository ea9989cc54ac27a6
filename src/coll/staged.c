#include "coll/staged.h"

enum { LAG = 1 };

static unsigned char *slot_of(const ddla_coll_plan *plan, int piece) {
  return plan->stage + (size_t)(piece % DDLA_COLL_SLOTS) * DDLA_COLL_SLOT_BYTES;
}

ddla_status ddla_staged_emit(const ddla_emit *e, const ddla_staged *staged) {
  e->schedule->in_order = true;
  for (int piece = 0; piece < staged->pieces + LAG; piece++) {
    if (piece < staged->pieces) {
      DDLA_TRY(staged->fill(e, staged->argument, piece, slot_of(e->plan, piece)));
      DDLA_TRY(ddla_emit_signal(e, (uint32_t)piece + 1, (ddla_step_range){0}));
    }
    int ready = piece - LAG;
    if (ready < 0) continue;
    DDLA_TRY(ddla_emit_wait(e, (uint32_t)ready + 1));
    DDLA_TRY(staged->drain(e, staged->argument, ready, slot_of(e->plan, ready)));
  }
  return ddla_emit_meet(e, (uint32_t)staged->pieces + 1);
}

int ddla_staged_pieces(size_t bytes) {
  return (int)((bytes + DDLA_COLL_SLOT_BYTES - 1) / DDLA_COLL_SLOT_BYTES);
}

size_t ddla_staged_piece(size_t bytes, int piece, size_t *offset) {
  *offset = (size_t)piece * DDLA_COLL_SLOT_BYTES;
  if (*offset >= bytes) return 0;
  return bytes - *offset < DDLA_COLL_SLOT_BYTES ? bytes - *offset : DDLA_COLL_SLOT_BYTES;
}
