/* What the files of the fetching thread have in common: tiers.c is the thread, with what lanes
 * want; tiers_blocks.c has the blocks of this host; tiers_peers.c talks to other hosts. */
#ifndef DDLA_SHARE_TIERS_TIERS_PARTS_H
#define DDLA_SHARE_TIERS_TIERS_PARTS_H

#include <pthread.h>

#include "share/tiers/cache.h"
#include "share/tiers/foresight.h"
#include "share/tiers/readers.h"
#include "share/tiers/tiers.h"
#include "share/wire.h"

enum {
  DDLA_ASK_PIECES = 256,    /* of one request between hosts */
  DDLA_ASK_BYTES = 1 << 20, /* of its answer, but for a piece that is larger */
  DDLA_ASK_UNDER_WAY = 16   /* requests of one host to one other */
};

/* Pieces that somebody waits for together. */
typedef struct ddla_ticket {
  void (*arrived)(ddla_tiers *tiers, struct ddla_ticket *ticket); /* when the last is there */
  void *owner;
  int64_t number;  /* a step, or a slip's question */
  int64_t missing; /* pieces, and one while they are listed */
  int tier;        /* the farthest */
  bool for_peer;
  bool failed; /* of a peer's: a piece could not be read */
} ddla_ticket;

typedef struct ddla_want {
  ddla_piece piece;
  unsigned char *to;
  ddla_ticket *ticket;
  struct ddla_want *next;
} ddla_want;

/* First in, first out. */
typedef struct ddla_wants {
  ddla_want *first, **last;
} ddla_wants;

/* A block of this host, or one that its home did not give. */
typedef struct ddla_tier_block {
  ddla_wants waiting;      /* while it is read */
  unsigned char *spilling; /* its bytes while they are written to disk */
  bool reading;
} ddla_tier_block;

/* What a reader does for us. */
typedef struct ddla_errand {
  ddla_reading reading;
  ddla_want *want; /* of a piece */
  bool under_way;
  struct ddla_errand *next; /* of those that wait, or that are free; */
  struct ddla_errand *made; /* and of all */
} ddla_errand;

struct ddla_tier_peers;

struct ddla_tiers {
  ddla_tiers_options options;
  ddla_board *board; /* options.board */
  int host, hosts;
  pthread_t thread;
  bool started;
  _Atomic bool closing, failed; /* failed: failure is written */
  ddla_failure failure;

  pthread_mutex_t plan_lock;
  ddla_tiers_plan plan;
  bool planned;
  int64_t next_step;  /* to be fetched for */
  int64_t seen_step;  /* up to which foresight goes */
  int64_t *rows;      /* [plan.rows_max] scratch */
  ddla_ticket *steps; /* [ahead] of the ring */
  ddla_ticket *slips; /* [slips] */
  uint64_t *taken;    /* [slips] questions of slips that are under way or answered */

  ddla_cache *cache;
  ddla_foresight *foresight; /* null: everything fits */
  ddla_tier_block *blocks;   /* [catalog's] */
  unsigned char **memory;    /* [places] of the cache */
  int64_t memory_places;
  unsigned char **spare; /* buffers of a block that hold none */
  int spare_count, spare_made;
  ddla_errand *delayed, **delayed_last; /* blocks to be read when there is a spare buffer */
  ddla_spill *spill;
  bool disk_warned;
  int64_t origin_before; /* bytes that were read before the tiers, at the start */
  ddla_readers *readers;
  ddla_want *free_wants;
  ddla_errand *free_errands, *all_errands;
  uint64_t events; /* of the board, when it was last looked at */

  struct ddla_tier_peers *peers;
};

/* ---- tiers.c ---- */

ddla_status ddla_tiers_want(ddla_want **out, ddla_tiers *tiers, const ddla_piece *piece,
                            unsigned char *to, ddla_ticket *ticket);
void ddla_tiers_push(ddla_wants *list, ddla_want *want);
ddla_want *ddla_tiers_pop(ddla_wants *list); /* null: it is empty */

/* So many bytes of a ticket, a piece, are there; from: the tier in which they were. */
void ddla_tiers_arrived(ddla_tiers *tiers, ddla_ticket *ticket, size_t bytes, int from);

/* The same, and the want is over. */
void ddla_tiers_fulfil(ddla_tiers *tiers, ddla_want *want, int from);

/* The host whose block it is. */
int ddla_tiers_home(const ddla_tiers *tiers, int64_t block);

/* ---- tiers_blocks.c ---- */

ddla_status ddla_tiers_open_blocks(ddla_tiers *tiers);
void ddla_tiers_close_blocks(ddla_tiers *tiers);

/* Gets a piece from this host's tiers or the origin: at once, or when it has been read. Errors:
 * NO_MEMORY. */
ddla_status ddla_tiers_supply(ddla_tiers *tiers, const ddla_piece *piece, unsigned char *to,
                              ddla_ticket *ticket);

/* Takes what readers have done. Errors: what they met, where this host itself needs it. */
ddla_status ddla_tiers_collect(ddla_tiers *tiers, bool *moved);

/* ---- tiers_peers.c ---- */

ddla_status ddla_tiers_open_peers(ddla_tiers *tiers);
void ddla_tiers_close_peers(ddla_tiers *tiers);

/* Asks a piece's home for it. Errors: NO_MEMORY. */
ddla_status ddla_tiers_ask(ddla_tiers *tiers, const ddla_piece *piece, unsigned char *to,
                           ddla_ticket *ticket);

/* Moves messages. Errors: PEER_LOST; those of supply. */
ddla_status ddla_tiers_talk(ddla_tiers *tiers, bool *moved);

#endif
