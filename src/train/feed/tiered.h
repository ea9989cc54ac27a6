/* Training with features that are not in memory (share.mode tiered): the data are opened where they
 * lie, each host has a thread that fetches samples (share/tiers/tiers.h), and lanes ask it for
 * those of their micro-batches. Threads: prepared by one, before agents exist; opened, begun and
 * ended by an agent's main thread; filled by each lane. */
#ifndef DDLA_TRAIN_FEED_TIERED_H
#define DDLA_TRAIN_FEED_TIERED_H

#include "share/tiers/board.h"
#include "share/wire.h"
#include "train/feed/supply.h"
#include "train/training.h"
#include "transport/transport.h"

/* Whether a source is opened where it lies: share.mode is tiered, and it is an address or a
 * prepared set. */
bool ddla_tiered_wants(const ddla_training *training, const ddla_data_source *source);

/* Opens it so; the origin is the training's. Errors: INVALID naming the key; those of origins. */
ddla_status ddla_tiered_open_data(ddla_dataset **out, ddla_training *training,
                                  const ddla_data_source *source);

/* Whether there is such a part beside another. Errors: those of origins. */
ddla_status ddla_tiered_has_part(bool *out, ddla_training *training,
                                 const ddla_data_source *source);

/* When data are open, before agents are forked. Errors: INVALID naming a key that tiers do not go
 * together with, and why. */
ddla_status ddla_tiered_check(const ddla_training *training);

/* What ddla_tiered_wants has opened; part of destroying a training. */
void ddla_tiered_close_data(ddla_training *training);

/* Bytes that a host's agents share for this; 0: none. And what the memory tier takes at most. */
size_t ddla_tiered_region_bytes(const ddla_training *training);
size_t ddla_tiered_tier_bytes(const ddla_training *training);

/* What an agent has of it. */
typedef struct ddla_tiered ddla_tiered;

/* Of the first agent of each of several hosts; else null, both. */
typedef struct ddla_tiered_link {
  ddla_transport *link;
  ddla_wire *wire;
} ddla_tiered_link;

/* memory: ddla_tiered_region_bytes of the host's. Everything is borrowed. *out is null where
 * features are in memory. Errors: NO_MEMORY; those of the disk tier. */
ddla_status ddla_tiered_open(ddla_tiered **out, const ddla_training *training,
                             ddla_transport *local, const ddla_tiered_link *link, void *memory);
void ddla_tiered_close(ddla_tiered *tiered); /* null is allowed */

/* What a run's end is about, where that is the failure of the thread that fetches. Null is allowed.
 */
ddla_status ddla_tiered_explain(const ddla_tiered *tiered, ddla_status status);

/* A segment's steps from `step` on are fetched ahead, until it is ended. Null is allowed. Errors:
 * NO_MEMORY. */
ddla_status ddla_tiered_begin(ddla_tiered *tiered, const ddla_training *training, int64_t step);
void ddla_tiered_end(ddla_tiered *tiered);

/* By a worker that begins with a step, when the one before is committed. Null is allowed. */
void ddla_tiered_enter(ddla_tiered *tiered, int64_t step);

typedef struct ddla_tiered_samples {
  const ddla_dataset *set;
  const int64_t *indices; /* [count] their numbers in it */
  int64_t count;
  ddla_board_asker asker;
} ddla_tiered_samples;

/* By a worker: the features of samples, one behind another; until it brings others. *out is null
 * where the set is in memory; tiered may be null. `worker` is its number on this host. Errors:
 * PEER_LOST. */
ddla_status ddla_tiered_bring(const void **out, ddla_tiered *tiered, int worker,
                              const ddla_tiered_samples *samples);

/* The same of the positions of a step, which may have been foreseen; they are those at indices. By
 * the worker, or by another thread that feeds it. */
typedef struct ddla_tiered_place {
  int64_t step, position;
  ddla_board_asker asker;
} ddla_tiered_place;
ddla_status ddla_tiered_bring_step(const void **out, ddla_tiered *tiered, int worker,
                                   const ddla_tiered_place *place, const int64_t *indices,
                                   int64_t count);

/* What this host has counted; zeros where tiered is null. */
ddla_tier_counts ddla_tiered_counts(const ddla_tiered *tiered);

#endif
