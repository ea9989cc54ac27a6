/* Means over replicas. Hosts that have a model each (sync/replica/replica.h) exchange
 * contributions, arrays of the parameter space, and every one gets their mean, the same bits on
 * all.
 *
 * Orders. A host's workers tell what is to be done by orders, numbered from 1: the mean of elements
 * [begin, end) of `sent` into `mean`, small arrays that are shared beside it, or both. One is under
 * way at a time, in the order of their numbers; workers may compute meanwhile, as long as they
 * leave these elements of `sent` and `mean` alone. The word `progress` is the number of the last
 * order that is done.
 *
 * With a codec (codec/codec.h) contributions and means travel as its messages, range by range: the
 * owner decodes what it gets, and everybody, the owner too, takes the mean from the message that
 * the owner has made of it. What messages leave out is kept: of contributions by each host, of
 * means by the owner.
 *
 * The mean. The elements are cut into ranges, and range r is owned by member r mod members: the
 * others send it their contributions, it adds them up in the fixed tree over the members
 * (coll/tree.h), divides by their number, and sends the mean to all: for each of N members
 * 2 (N - 1) / N of the bytes, and two messages of each range one after the other.
 *
 * All hosts give the same orders in the same sequence, but for orders of some members only, which
 * carry a tag of their own.
 *
 * What is not finite. An owner's mean is not where a contribution is not; it then ends all, naming
 * the member whose it is (sync/turns/given.h). A codec refuses what it cannot write at its sender.
 *
 * Threads: create, destroy and serve by one thread of the host's first agent; post by one worker of
 * the host, for all. Failures: as sync/turns/service.h. */
#ifndef DDLA_SYNC_REPLICA_OUTER_H
#define DDLA_SYNC_REPLICA_OUTER_H

#include "codec/codec.h"
#include "state/state.h"
#include "sync/turns/meeting.h"

enum { DDLA_OUTER_ORDERS = 8 };

typedef struct ddla_outer_order {
  int64_t begin, end; /* whole blocks; equal: no mean */
  int64_t step;       /* committed: behind it these are given, as messages about them say */
  int member_count;   /* hosts that take part in the mean; 0: all */
  int member[DDLA_HOSTS_MAX];
  uint64_t tag; /* with members: the same on these, another for each of their orders; below 2^31 */
  bool meets;   /* all hosts meet, with this agenda */
  ddla_agenda agenda;
} ddla_outer_order;

/* What the agents of a host share, zeroed at the start. */
typedef struct ddla_outer_board {
  _Alignas(64) ddla_word posted;
  _Alignas(64) ddla_word progress;
  _Alignas(64) ddla_outer_order order[DDLA_OUTER_ORDERS];
  _Atomic uint64_t word[DDLA_OUTER_ORDERS]; /* of the meeting of order n: at n mod ORDERS */
  _Atomic int64_t sent_bytes;               /* by this host */
  _Atomic int64_t exchange_ns;              /* from a mean's beginning to its end */
} ddla_outer_board;

typedef struct ddla_outer_options {
  ddla_transport *local; /* of this host's agents */
  ddla_transport *link;  /* messages between hosts; the outer's until destroy */
  const ddla_cluster *cluster;
  int lanes;
  bool threadless; /* see ddla_outer_serve */
  bool beside;     /* workers compute while a mean is under way */
  ddla_outer_board *board;
  const float *sent;       /* [space] */
  float *mean;             /* [space] */
  const ddla_codec *codec; /* null: numbers travel as they are */
  ddla_codec_options codec_options;
  float *residual, *answer_residual; /* [space] of contributions, of means; null: not kept */
  const ddla_state *state;           /* whose ranges those numbers are of; only with a codec */
  int64_t range_bytes;               /* 0: chosen */
} ddla_outer_options;

typedef struct ddla_outer ddla_outer;

/* Everything is borrowed until destroy. Errors: NO_MEMORY. */
ddla_status ddla_outer_create(ddla_outer **out, const ddla_outer_options *options);

/* The range that an element of a mean over all hosts belongs to is this host's: it makes the mean
 * of it. begin, end: of the mean. */
bool ddla_outer_owns(const ddla_outer_options *options, int64_t begin, int64_t end,
                     int64_t element);

/* What is under way is dropped. Null is allowed. */
void ddla_outer_destroy(ddla_outer *outer);

/* Without a thread: does its work while the caller waits until progress reaches a target; 0: looks
 * once. Errors: those of the transports; the first one again and again. */
ddla_status ddla_outer_serve(ddla_outer *outer, uint64_t target);

/* As ddla_service_told. */
ddla_status ddla_outer_told(const ddla_outer *outer, ddla_status status);

/* Gives order `number`. Order number - DDLA_OUTER_ORDERS is done. */
void ddla_outer_post(ddla_transport *local, ddla_outer_board *board, uint64_t number,
                     const ddla_outer_order *order);

#endif
