/* The memory by which a host's lanes get samples from the thread that fetches them (tiers.h): a
 * ring of the coming steps' samples, laid down before anybody asks; slips on which
 * workers ask for samples that were not foreseen; and counts. In memory of the transport that the
 * host's agents share. Words only grow.
 *
 * Threads: each slip has one at a time that asks; the fetching thread has all. */
#ifndef DDLA_SHARE_TIERS_BOARD_H
#define DDLA_SHARE_TIERS_BOARD_H

#include "base/tiers.h"
#include "transport/transport.h"
#include "watch/recorder.h"

/* Of a host. Plain value. */
typedef struct ddla_tier_counts {
  int64_t pieces[DDLA_TIERS], bytes[DDLA_TIERS]; /* of samples for this host's lanes, by where they
                                                    were when they were wanted */
  int64_t waits[DDLA_TIERS], waited_ns[DDLA_TIERS]; /* of lanes, by the farthest that was awaited */
  int64_t ready;                                    /* times that a lane found its samples there */
  int64_t origin_bytes;                             /* read by this host, for whomever */
  int64_t sent_bytes;                               /* of samples, to other hosts */
  int64_t misses;                                   /* pieces that their home did not give */
} ddla_tier_counts;

/* What the layout depends on; the same on all agents of a host. */
typedef struct ddla_board_sizes {
  int slips;           /* as many as may ask at once */
  int64_t ahead;       /* steps in the ring */
  size_t step_bytes;   /* samples of a step of this host, at most */
  int64_t ask_rows;    /* samples on a slip, at most */
  size_t sample_bytes; /* of the largest */
} ddla_board_sizes;

typedef struct ddla_board_slot {
  _Alignas(64) ddla_word filled; /* a step and one more: its samples are there */
  _Atomic int64_t tier;          /* the farthest one that they came from after they were wanted */
} ddla_board_slot;

typedef struct ddla_board_slip {
  _Alignas(64) ddla_word asked, answered; /* how many times */
  int64_t set, count;
  _Atomic int64_t tier;
} ddla_board_slip;

typedef struct ddla_board_head {
  _Alignas(64) ddla_word now;    /* the step that lanes are in: all before are over */
  _Alignas(64) ddla_word events; /* counts what the fetching thread should look at */
  _Alignas(64) _Atomic int64_t counts[sizeof(ddla_tier_counts) / sizeof(int64_t)];
} ddla_board_head;

/* A view of it. Plain value. */
typedef struct ddla_board {
  ddla_board_sizes sizes;
  ddla_transport *local; /* borrowed */
  ddla_board_head *head;
  ddla_board_slot *slot; /* [ahead] */
  ddla_board_slip *slip; /* [slips] */
  int64_t *rows;         /* [slips][ask_rows] */
  unsigned char *answer; /* [slips][ask_rows, sample_bytes] */
  unsigned char *steps;  /* [ahead][step_bytes] */
} ddla_board;

/* Who waits: where it counts that, and what it records. Either may be null. */
typedef struct ddla_board_asker {
  ddla_data_waits *waits;
  ddla_watch_lane *pen;
  ddla_phase phase; /* what it goes on with then */
  uint64_t detail;  /* of that */
} ddla_board_asker;

/* Bytes of memory. */
size_t ddla_board_bytes(const ddla_board_sizes *sizes);

/* Lays out zeroed memory. */
ddla_board ddla_board_open(const ddla_board_sizes *sizes, ddla_transport *local, void *memory);

/* By a worker that begins with a step: all before it are over, on all of the host's workers, and
 * their samples are not needed any more. */
void ddla_board_enter(ddla_board *board, int64_t step);

/* By whoever feeds a worker: waits for the samples of a step that is foreseen; where they lie, one
 * behind another, until the step is over. who may be null. Errors: PEER_LOST. */
ddla_status ddla_board_foreseen(const void **out, ddla_board *board, int64_t step,
                                const ddla_board_asker *who);

/* Where the rows of the samples that are wanted are to be written, at most ask_rows; asks for them,
 * 1 <= count, and waits. Where they lie until the slip is used again. Errors: PEER_LOST. */
int64_t *ddla_board_rows(const ddla_board *board, int slip);
ddla_status ddla_board_ask(const void **out, ddla_board *board, int slip, int set, int64_t count,
                           const ddla_board_asker *who);

/* Adds to a count: offsetof its member of ddla_tier_counts, and which of an array; sets one. */
void ddla_board_count(ddla_board *board, size_t member, int tier, int64_t more);

void ddla_board_set(ddla_board *board, size_t member, int64_t value);

/* Where the samples of a slot of the ring go, and the answer to a slip. */
unsigned char *ddla_board_step(const ddla_board *board, int64_t index);
unsigned char *ddla_board_answer(const ddla_board *board, int slip);

/* What was counted so far. */
ddla_tier_counts ddla_board_counts(const ddla_board *board);

#endif
