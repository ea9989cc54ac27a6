/* A loader: a thread of an agent that makes micro-batches ready before its lanes want them, a few
 * for each lane. Lanes take them in the order in which the loader was told that they come. It knows
 * neither samples nor strategies: what comes next and how it is made is told by who opens it.
 *
 * A queue is a ring of slots, made when the loader is opened: one that the lane uses, and those
 * that are ahead. The loader counts up how many are
 * made, the lane how many it has taken; each side waits on the other's count and sleeps at once.
 *
 * Threads: open and close by one thread, while no lane is in take; take and done by the lane's own
 * thread. */
#ifndef DDLA_TRAIN_FEED_LOADER_H
#define DDLA_TRAIN_FEED_LOADER_H

#include <sched.h>

#include "base/tiers.h"
#include "train/feed/feed.h"
#include "transport/transport.h"
#include "watch/recorder.h"

enum { DDLA_LOADER_AHEAD_MAX = 64 };

typedef struct ddla_loader ddla_loader;

/* Which part of which shard of the step that follows `step` committed ones. A lane's come in the
 * order of step, shard, part. */
typedef struct ddla_micro_batch {
  uint64_t step;
  int shard;
  int64_t part;
} ddla_micro_batch;

/* What a slot must hold. */
typedef struct ddla_loader_room {
  int64_t samples;                 /* of a micro-batch, at most */
  size_t input_bytes, label_bytes; /* of a sample */
  bool keyed;                      /* samples have keys of random numbers */
} ddla_loader_room;

typedef struct ddla_loader_options {
  int lanes;
  int64_t ahead; /* slots of each lane beside the one in use, from 1 to DDLA_LOADER_AHEAD_MAX */
  ddla_loader_room room;
  ddla_micro_batch first; /* in front of each lane's first one */
  /* Moves *at on to the lane's next micro-batch; false: there is none. A pure function. */
  bool (*next)(void *argument, int lane, ddla_micro_batch *at);
  /* Whether what a micro-batch is made from is there; where it is not, other lanes' are made in the
   * meantime, which may be what it waits for. Null: it always is. */
  bool (*ready)(void *argument, const ddla_micro_batch *at);
  /* Makes a micro-batch, by the loader's thread alone, which must not allocate. Waits for nothing
   * that lanes have to do first; whatever it waits for must end when the transport's check fails.
   */
  ddla_status (*fill)(void *argument, int lane, const ddla_micro_batch *at, const ddla_feed *to);
  void *argument;
  ddla_transport *transport; /* borrowed: lanes and loader wait as its ranks do */
  const cpu_set_t *set;      /* where the thread runs; null: anywhere */
  const ddla_watch *watch;   /* where it records, as lane `lanes` of `agent`; may be null */
  int agent;
} ddla_loader_options;

/* Starts the thread. Errors: NO_MEMORY. */
ddla_status ddla_loader_open(ddla_loader **out, const ddla_loader_options *options);

/* Ends the thread when it is through with what it is at. Null is allowed. */
void ddla_loader_close(ddla_loader *loader);

/* The lane's micro-batch `at`, which is waited for where it is not there yet; null in *out: it is
 * not one that the loader was told of, and is the lane's to make. Valid until done, which the lane
 * calls after it has used one. Counts in *waits, and marks in pen what it waits for. Errors: the
 * loader's failure; PEER_LOST. */
ddla_status ddla_loader_take(const ddla_feed **out, ddla_loader *loader, int lane,
                             const ddla_micro_batch *at, ddla_data_waits *waits,
                             ddla_watch_lane *pen);
void ddla_loader_done(ddla_loader *loader, int lane);

#endif
