/* A host's turns in an asynchronous method. In a turn the host's workers compute the shards that
 * the host was granted (sync/turns/grants.h), with parameters that stay as they are. What becomes
 * of that is the method's: sync/turns/serving.h, sync/turns/swaps.h. Then comes the next turn,
 * while messages are under way; or a *fence*: a step at which all hosts wait until everything
 * before it has arrived everywhere, so that there is one model, to be measured, saved, or left.
 *
 * Orders. Workers tell what is to be done by orders, numbered from 1, one at a time; the word
 * `progress` is the number of the last order that is done. What came of it stands in the board
 * until the next one is posted.
 *
 * Threads: create, destroy and serve by one thread of the host's first agent; post by one worker of
 * the host, for all; the board is read by all. A method's slots are called by the thread that
 * serves the link, create and destroy by the one that creates. Failures: as sync/turns/service.h.
 */
#ifndef DDLA_SYNC_TURNS_TURNS_H
#define DDLA_SYNC_TURNS_TURNS_H

#include "sync/sync.h"
#include "sync/turns/grants.h"
#include "sync/turns/meeting.h"
#include "sync/turns/served.h"

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
  _Alignas(64) ddla_word sent; /* the memory of so many contributions is free again */
  _Alignas(64) ddla_word near; /* turns that are nearly over, so that it is time to claim */
  _Atomic uint32_t stop_asked;
  ddla_turn_order order[DDLA_TURN_ORDERS];
  int16_t owner[DDLA_BRIDGE_RANGES_MAX]; /* of ranges that are served */
  /* What came of an order, but a meeting: */
  bool fence, stop; /* a fence, and no turn; the last one, before the run's end */
  ddla_grant grant; /* the turn's */
  uint64_t turn;    /* its number, from 1 */
  /* What serving makes of it: */
  int copy;              /* of the parameters, for the turn */
  uint64_t changes;      /* of what is in it since the start: equal numbers, equal parameters */
  ddla_letter_sums sums; /* of all that was contributed since the start, as known here */
  double learning_rate;
  ddla_staleness staleness; /* at a fence: of all hosts */
  /* What swaps make of it: */
  double spread; /* at a fence: the largest distance of a host to the mean */
  _Atomic int64_t sent_bytes, exchange_ns;
} ddla_turn_board;

/* How a strategy goes about it. */
typedef struct ddla_turn_rule {
  int64_t window;   /* see grants.h: steps that may be under way beside the oldest one */
  int grain, most;  /* shards of a turn, at least and at most: see grants.h */
  bool early;       /* who is granted more than `grain` shards claims the next ones as it begins */
  int64_t every[3]; /* fences: multiples of these steps; 0: none */
  /* Of serving: */
  bool on_arrival; /* see served.h */
  int64_t lag;     /* a turn's parameters are at most so many steps older than its batch;
                      negative: any */
  int64_t ahead;   /* on arrival: own contributions that may be on their way when a turn begins */
  int missing;     /* see served.h */
} ddla_turn_rule;

typedef struct ddla_turns_options {
  const ddla_sync_options *sync;
  ddla_bridge_layout *layout; /* ranges may get other owners at a fence */
  const struct ddla_turn_method *method;
  ddla_turn_rule rule;
  ddla_turn_board *board;
  /* Of serving: */
  const float *contribution[2]; /* [space] of turns of even and odd number */
  float *copy[2];               /* [space] */
  /* Null, or told of what comes to own ranges: see served.h. */
  void (*taken)(void *argument, int from, const ddla_letter *letter);
  void *argument;
  /* Of swaps: */
  uint64_t version; /* of the host's own parameters */
} ddla_turns_options;

/* What a method works with: borrowed until its destroy. */
typedef struct ddla_turn_means {
  ddla_turns_options options;
  ddla_mail *mail;
  ddla_grants *grants;
  int64_t *sent_bytes; /* counted up, of messages that are no letters */
} ddla_turn_means;

/* What a method does with turns; `made` is what its create has made. */
typedef struct ddla_turn_method {
  int stages; /* meetings of a fence, at most */
  /* Whether there is one more behind this one; null: always, up to `stages`. */
  bool (*meets_again)(const void *made, int stage);
  ddla_status (*create)(void **made, const ddla_turn_means *means);
  void (*destroy)(void *made); /* null is allowed */
  /* Letters of other kinds than those of grants: see ddla_mail_calls. */
  ddla_status (*place)(void **out, void *made, int from, const ddla_letter *letter);
  ddla_status (*deliver)(void *made, int from, const ddla_letter *letter, void *data);
  void (*sent)(void *made, int to, const ddla_letter *letter, const void *data);
  /* Nothing would come of a granted turn any more: it is let go. Null: never. */
  bool (*is_past)(const void *made, const ddla_grant *grant);
  bool (*may_turn)(const void *made, const ddla_grant *grant);
  /* The board's turn begins; it is over, and this came of it. */
  void (*begin_turn)(void *made);
  ddla_status (*contribute)(void *made, const ddla_turn_order *order);
  /* Does what can be done without waiting, for steps up to `limit`, a fence. */
  ddla_status (*advance)(void *made, int64_t limit, bool *moved);
  /* Committed steps, as this host knows. */
  int64_t (*step)(const void *made);
  /* This host has everything up to the fence. */
  bool (*at_fence)(const void *made, int64_t fence);
  /* What is shared at one of its meetings; and what is to be done behind it, again and again until
   * it is over. Behind the last one other hosts may go on before this one knows that it may. */
  void (*agenda)(ddla_agenda *out, void *made, int stage, int64_t fence);
  ddla_status (*conclude)(bool *over, void *made, int stage, int64_t fence, bool *moved);
  /* What other hosts are waited for; grant: null where there is none. */
  void (*describe)(const void *made, int64_t fence, const ddla_grant *grant, char *text,
                   size_t bytes);
} ddla_turn_method;

typedef struct ddla_turns ddla_turns;

/* Everything is borrowed until destroy. Errors: NO_MEMORY; the transport's. */
ddla_status ddla_turns_create(ddla_turns **out, const ddla_turns_options *options);

/* What is under way is dropped. Null is allowed. */
void ddla_turns_destroy(ddla_turns *turns);

/* Without a thread: does its work while the caller waits until progress reaches a target; 0: looks
 * once. A turn then begins when the memory of its contribution is free. */
ddla_status ddla_turns_serve(ddla_turns *turns, uint64_t target);

/* As ddla_service_told. */
ddla_status ddla_turns_told(const ddla_turns *turns, ddla_status status);

/* Gives order `number`; the one before is done. */
void ddla_turns_post(const ddla_sync_options *sync, ddla_turn_board *board, uint64_t number,
                     const ddla_turn_order *order);

#endif
