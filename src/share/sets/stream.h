/* Blocks of sample bytes in their order, through a ring of bounded size. A host gets a block from
 * another one or makes it, hands it on to the next host while later ones come, and takes it for
 * itself. A block's place in the ring is free again when both are done, and only then is the next
 * one asked for: so a slow disk, or a slow host at the end of a chain, holds back all before it,
 * and nobody has more than WINDOW blocks in memory.
 *
 * Making and taking blocks is reading and writing of files, which may stand still for seconds: a
 * thread of its own does it while the caller's moves messages.
 *
 * In a chain of H hosts all B bytes pass each cable once, and the last host has them after the time
 * that B + (H - 2) blocks take on the slowest one. */
#ifndef DDLA_SHARE_SETS_STREAM_H
#define DDLA_SHARE_SETS_STREAM_H

#include "share/wire.h"

enum {
  DDLA_STREAM_BLOCK_BYTES = 1 << 20,
  DDLA_STREAM_WINDOW = 16,
  DDLA_STREAM_HERE = -1,
  DDLA_STREAM_PATIENT = -1
};

/* Where a block comes from: a rank, or HERE: `fill` makes it. */
typedef struct ddla_stream_block {
  size_t bytes; /* 1 to block_bytes */
  int from;
} ddla_stream_block;

typedef struct ddla_stream_plan {
  int64_t blocks;
  size_t block_bytes; /* at most; a place of the ring */
  int to;             /* rank that every block goes on to; HERE: none */
  ddla_stream_block (*block)(void *argument, int64_t index); /* any thread, any order */
  /* In order, by the thread of files. fill may be null where no block is made here; take where
   * nothing is wanted here. */
  ddla_status (*fill)(void *argument, int64_t index, uint8_t *out, size_t bytes);
  ddla_status (*take)(void *argument, int64_t index, const uint8_t *data, size_t bytes);
  /* Now and then, by the caller's thread: blocks that are through here. May be null. */
  void (*tell)(void *argument, int64_t blocks);
  void *argument;
  bool threadless; /* the caller's thread does all, as in a simulator */
  /* TIMEOUT where no block has moved for so long; 0: half an hour; PATIENT: never, for hosts whose
   * turn comes when others are done: the link knows whether those live. */
  int64_t still_ms;
} ddla_stream_plan;

/* Returns when all blocks are through here. Errors: those of fill and take; of the link; INVALID
 * from the wire; TIMEOUT; NO_MEMORY. A failure is told to the link, which ends the others' streams.
 * Threads: that of the link. */
ddla_status ddla_stream_run(ddla_transport *link, ddla_wire *wire, const ddla_stream_plan *plan);

#endif
