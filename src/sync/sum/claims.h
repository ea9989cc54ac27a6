/* Which worker of a host computes which shard of a step, decided while the step is computed: agents
 * of different speed are through at about the same time. Who computes what never shows in the bits.
 *
 * A worker that is free claims a shard: it takes a ticket, which says that one is left for it, and
 * then a shard: the sibling of its last one, whose gradient can be added as it is computed, else
 * the left one of the lowest pair that nobody has begun, else whatever is left. It leaves a step
 * when nothing is left, or when the others would be through sooner without it (a slow one must not
 * begin a shard that a fast one would have finished earlier). It also may know with a claim that
 * this is its last, so that ranges of the gradient are reported final while it is computed. The
 * last worker that has not left a step takes all that is left of it.
 *
 * Only words in memory that the host's agents share; nobody ever waits here, so whoever dies leaves
 * nothing locked. Threads: a worker's calls are its own thread's. */
#ifndef DDLA_SYNC_SUM_CLAIMS_H
#define DDLA_SYNC_SUM_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"

enum { DDLA_CLAIMS_WORKERS_MAX = 64 };

typedef enum ddla_claim {
  DDLA_CLAIM_NONE, /* the worker has left the step */
  DDLA_CLAIM_ONE,
  DDLA_CLAIM_LAST /* one, and it leaves the step with it */
} ddla_claim;

/* Another worker, as one that decides expects it. */
typedef struct ddla_claims_pace {
  int64_t free_ns;  /* from now until it is free for a shard */
  int64_t shard_ns; /* a shard takes it so long; 0: not known */
} ddla_claims_pace;

/* What a worker whose shards take own_ns (0: not known) does where `left` > 0 shards are unclaimed
 * and `count` others have not left the step. Pure. */
ddla_claim ddla_claims_decide(int64_t own_ns, const ddla_claims_pace *others, int count, int left);

/* A step as a host's workers begin it. */
typedef struct ddla_claims_step {
  uint64_t step;   /* committed steps */
  int64_t samples; /* of the whole batch */
  int first, end;  /* the host's shards */
} ddla_claims_step;

typedef struct ddla_claims ddla_claims;

/* Bytes of zeroed memory that the host's agents share. */
size_t ddla_claims_bytes(int workers, int shards);

/* memory and clock are borrowed. Errors: NO_MEMORY; INVALID with more than
 * DDLA_CLAIMS_WORKERS_MAX workers. */
ddla_status ddla_claims_create(ddla_claims **out, void *memory, int workers, int shards,
                               const ddla_clock *clock);

/* Null is allowed. */
void ddla_claims_destroy(ddla_claims *claims);

/* Starts a worker's step; the step before is committed. */
void ddla_claims_begin(ddla_claims *claims, int worker, const ddla_claims_step *step);

/* The worker's next shard, which has samples. */
ddla_claim ddla_claims_next(ddla_claims *claims, int worker, int *shard);

/* The worker's shard is computed. */
void ddla_claims_done(ddla_claims *claims, int worker);

/* Nanoseconds that a shard takes a worker: a moving mean; 0: not known yet. Any worker of the host.
 */
int64_t ddla_claims_shard_ns(const ddla_claims *claims, int worker);

/* The same, a mean over more shards that does not fade; of a worker of this agent. */
int64_t ddla_claims_long_ns(const ddla_claims *claims, int worker);

#endif
