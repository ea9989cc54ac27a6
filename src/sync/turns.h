/* A host's part in an asynchronous method. The host's workers go by turns: in a turn they compute
 * the shards that the host was granted (sync/grants.h), with parameters that stay as they are
 * (sync/reading.h), and what they add up to is contributed: its ranges go to their servers
 * (sync/served.h), of which this host may be one. Then comes the next turn, while all this is under
 * way; or a *fence*: a step at which all hosts wait until everything before it is applied
 * everywhere, so that there is one model, to be measured, saved, or left.
 *
 * Orders. Workers tell what is to be done by orders, numbered from 1, one at a time; the word
 * `progress` is the number of the last order that is done. What came of it stands in the board
 * until the next one is posted.
 *
 * Threads: create, destroy and serve by one thread of the host's first agent; post by one worker of
 * the host, for all; the board is read by all. Failures: as sync/service.h. */
#ifndef DDLA_SYNC_TURNS_H
#define DDLA_SYNC_TURNS_H

#include "sync/grants.h"
#include "sync/meeting.h"
#include "sync/served.h"
#include "sync/sync.h"

enum { DDLA_TURN_ORDERS = 4 };

typedef enum ddla_turn_kind {
  DDLA_TURN_GO_ON,      /* nobody of the host is in the midst of anything: the next turn */
  DDLA_TURN_CONTRIBUTE, /* the same, behind a turn */
  DDLA_TURN_MEET        /* all hosts do */
} ddla_turn_kind;

typedef struct ddla_turn_order {
  ddla_turn_kind kind;
  ddla_letter_sums sums; /* contribute: of the turn's shards */
  double factor;         /* contribute: what clipping scales the gradient by */
  ddla_agenda agenda;    /* meet */
} ddla_turn_order;

/* What the agents of a host share, zeroed at the start. */
typedef struct ddla_turn_board {
  _Alignas(64) ddla_word step; /* committed steps: first of all */
  _Alignas(64) ddla_word posted;
  _Alignas(64) ddla_word progress;
  _Alignas(64) ddla_word sent; /* contributions whose memory is free again */
  _Alignas(64) ddla_word near; /* turns that are nearly over, so that it is time to claim */
  _Atomic uint32_t stop_asked;
  ddla_turn_order order[DDLA_TURN_ORDERS];
  /* What came of an order, but a meeting: */
  bool fence, stop;      /* a fence, and no turn; the last one, before the run's end */
  ddla_grant grant;      /* the turn's */
  int copy;              /* of the parameters, for the turn */
  ddla_letter_sums sums; /* of all that was contributed since the start, as known here */
  double learning_rate;
  ddla_staleness staleness; /* at a fence: of all hosts */
  _Atomic int64_t sent_bytes, exchange_ns;
} ddla_turn_board;

/* How a method goes about it. */
typedef struct ddla_turn_rule {
  bool on_arrival;  /* see served.h */
  int64_t window;   /* see grants.h: steps that may be under way beside the oldest one */
  int64_t lag;      /* a turn's parameters are at most so many steps older than its batch;
                       negative: any */
  int64_t ahead;    /* on arrival: own contributions that may be on their way when a turn begins */
  int grain;        /* shards of a turn */
  int missing;      /* see served.h */
  int64_t every[3]; /* fences: multiples of these steps; 0: none */
} ddla_turn_rule;

typedef struct ddla_turns_options {
  const ddla_sync_options *sync;
  const ddla_bridge_layout *layout;
  ddla_turn_rule rule;
  ddla_turn_board *board;
  const float *contribution; /* [space] */
  float *copy[2];            /* [space] */
  /* Null, or told of what comes to own ranges: see served.h. */
  void (*taken)(void *argument, int from, const ddla_letter *letter);
  void *argument;
} ddla_turns_options;

typedef struct ddla_turns ddla_turns;

/* Everything is borrowed until destroy. Errors: NO_MEMORY; the transport's. */
ddla_status ddla_turns_create(ddla_turns **out, const ddla_turns_options *options);

/* What is under way is dropped. Null is allowed. */
void ddla_turns_destroy(ddla_turns *turns);

/* Without a thread: does its work while the caller waits until progress reaches a target; 0: looks
 * once. A contribution's memory is then free when its order is done. */
ddla_status ddla_turns_serve(ddla_turns *turns, uint64_t target);

/* Gives order `number`; the one before is done. */
void ddla_turns_post(const ddla_sync_options *sync, ddla_turn_board *board, uint64_t number,
                     const ddla_turn_order *order);

#endif
