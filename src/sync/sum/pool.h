/* Gradient buffers that all workers of a host share, for shards that any of them computes in any
 * order. A buffer holds the sum over a subtree of the fixed tree, a *span*; so the sum of all has
 * the same bits whoever computed what.
 *
 * A shard goes on top of its sibling's buffer where that is complete (a + b = b + a), else into a
 * free one. Where none is free, two complete spans that are the halves of a subtree are added up
 * first; that there are two then follows from the number of buffers. Otherwise nothing is added
 * before the final pass, which reads every span once. A span whose sibling in the tree has no
 * samples stands for both.
 *
 * Only words in memory that the host's agents share, and no waiting for anybody in particular.
 * Threads: place and done are a worker's own thread's; list is for any thread when all workers have
 * placed their last shard. */
#ifndef DDLA_SYNC_SUM_POOL_H
#define DDLA_SYNC_SUM_POOL_H

#include "coll/tree.h"
#include "sync/sum/claims.h"

typedef struct ddla_pool ddla_pool;

/* Buffers that are enough for a host's workers. parts: the host has not all shards. Pure. */
int ddla_pool_copies(int shards, int workers, bool parts);

/* The most spans that a sum over `count` leaves can be in where at most `holes` of them are
 * missing and halves of a subtree are added up wherever both are there. Pure. */
int ddla_pool_most_spans(int count, int holes);

/* to += from, whole gradients, by number of the buffers. */
typedef void ddla_pool_add(void *argument, int to, int from);

typedef struct ddla_pool_options {
  void *memory; /* of ddla_pool_bytes, shared by the host's agents, zeroed at the start */
  int workers, shards, copies;
  bool direct; /* gradients may be added to what is in a buffer as they are computed */
  ddla_pool_add *add;
  void *argument;
} ddla_pool_options;

size_t ddla_pool_bytes(int shards);

/* Errors: NO_MEMORY; INVALID where there would be more buffers than the tree takes in one pass. */
ddla_status ddla_pool_create(ddla_pool **out, const ddla_pool_options *options);

/* Null is allowed. */
void ddla_pool_destroy(ddla_pool *pool);

/* Starts a worker's step; the step before is committed. */
void ddla_pool_begin(ddla_pool *pool, int worker, const ddla_claims_step *step);

/* The number of the buffer for a shard that the worker has claimed; *accumulate: the shard is added
 * to what is there. */
int ddla_pool_place(ddla_pool *pool, int worker, int shard, bool *accumulate);

/* That shard's gradient is complete. */
void ddla_pool_done(ddla_pool *pool, int worker);

/* The spans of a step by rising shards, and their buffers; [DDLA_TREE_OPERANDS_MAX]. Returns how
 * many. */
int ddla_pool_list(ddla_tree_part *part, int *copy, const ddla_pool *pool, uint64_t step);

#endif
