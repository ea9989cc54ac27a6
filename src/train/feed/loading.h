/* Samples of a micro-batch for a lane's plan: in the loader's queue, or, where there is no
 * loader or it was not told of this one, by the lane itself. The bits are the same: which samples,
 * and what becomes of them, follows from the place alone. Threads: as a worker and the loader. */
#ifndef DDLA_TRAIN_FEED_LOADING_H
#define DDLA_TRAIN_FEED_LOADING_H

#include "train/feed/loader.h"
#include "train/worker.h"

/* What a training's loader fills and a lane computes next. */
typedef struct ddla_loading ddla_loading;

/* Starts the loader of an agent's workers, which are set up ([lanes], borrowed until close), as
 * training->ahead says, and gives it to them. first: committed steps. Null in *out where there is
 * none. Errors: NO_MEMORY. */
ddla_status ddla_loading_open(ddla_loading **out, ddla_worker *worker, uint64_t first);

/* Null is allowed. */
void ddla_loading_close(ddla_loading *loading);

/* Why it is not known ahead which samples a lane takes; null: it is. */
const char *ddla_loading_unknown(const ddla_training *training);

/* Bytes of a micro-batch, and of an agent's queues. */
size_t ddla_loading_slot_bytes(const ddla_training *training);
size_t ddla_loading_bytes(const ddla_training *training);

/* The samples of `at`, of which the caller knows supply and span, become the plan's inputs, and
 * their numbers go to *indices [of the span]; both are the plan's until end, which is called when
 * nobody reads the inputs any more. Errors: those of the loader. */
typedef struct ddla_loading_place {
  const ddla_supply *supply;
  ddla_batch_span span;
  ddla_micro_batch at;
} ddla_loading_place;
ddla_status ddla_loading_begin(const int64_t **indices, ddla_worker *worker, ddla_plan *plan,
                               const ddla_loading_place *place);
void ddla_loading_end(ddla_worker *worker);

#endif
