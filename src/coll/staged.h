/* Collectives over shared memory for buffers that peers cannot address: pieces go through staging
 * slots.
 *
 * Piece c: fill copies the rank's own data into slot c mod 4, then signals c + 1; one piece later,
 * when all have signalled it, drain reads the slots of all. A peer that has signalled piece c has
 * drained c - 2, so with 4 slots nobody writes a slot that somebody may still read, without further
 * waiting. A last meeting frees the slots. Everybody passes through all pieces, also ranks that
 * only read or only write. */
#ifndef DDLA_COLL_STAGED_H
#define DDLA_COLL_STAGED_H

#include "coll/plan.h"

typedef struct ddla_staged {
  int pieces; /* the same on all ranks */
  void *argument;
  /* Appends steps that fill this rank's slot with its part of a piece; that read everybody's slots.
   */
  ddla_status (*fill)(const ddla_emit *e, void *argument, int piece, unsigned char *slot);
  ddla_status (*drain)(const ddla_emit *e, void *argument, int piece, unsigned char *slot);
} ddla_staged;

/* Emits the pipeline. `slot` is this rank's; a peer's is ddla_transport_peer of it. */
ddla_status ddla_staged_emit(const ddla_emit *e, const ddla_staged *staged);

/* ceil(bytes / DDLA_COLL_SLOT_BYTES). */
int ddla_staged_pieces(size_t bytes);

/* Part of `bytes` that piece c covers: at *offset. */
size_t ddla_staged_piece(size_t bytes, int piece, size_t *offset);

#endif
