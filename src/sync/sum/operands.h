/* The operands of a host's sum: gradient buffers of its workers. A shard's gradient goes where the
 * plan of leaves (sync/sum/leaves.h) puts it, on top of its sibling's or into a buffer of its own;
 * where a worker has many shards, finished subtrees are added up. What is left in the end, a few
 * partial sums for each worker, is what the fixed tree sums. With dynamic balance workers claim
 * their shards (sync/sum/claims.h), and all buffers are the host's (sync/sum/pool.h).
 *
 * Threads: made by one thread of an agent; a worker's functions by its own thread; list by any
 * thread. */
#ifndef DDLA_SYNC_SUM_OPERANDS_H
#define DDLA_SYNC_SUM_OPERANDS_H

#include "coll/tree.h"
#include "sync/sum/claims.h"
#include "sync/sync.h"

typedef struct ddla_operands ddla_operands;

/* One partial gradient: the sum over the shards of a subtree. */
typedef struct ddla_operand {
  ddla_tree_part part;
  const float *data; /* [dense space] */
  int copy;          /* of the state's rows of gradients and lists, which it is */
  int host;          /* whose it is */
  bool absent;       /* no samples were in it */
} ddla_operand;

/* Copies that a host's row of gradients must have; negative: no memory to find out. */
int ddla_operands_copies(const ddla_sync_split *split);

/* Copies that a host's rows of lists must have: its own, and one for each operand of other hosts;
 * negative: no memory to find out. */
int ddla_operands_list_copies(const ddla_sync_split *split);

/* Bytes of zeroed memory that the host's agents share, with dynamic balance; else 0. */
size_t ddla_operands_bytes(const ddla_sync_split *split);

/* Options are borrowed until destroy, and memory of ddla_operands_bytes (null where that is 0).
 * Errors: NO_MEMORY; INVALID where there would be more operands than the tree takes in one pass. */
ddla_status ddla_operands_create(ddla_operands **out, const ddla_sync_options *options,
                                 void *memory);

/* Null is allowed. */
void ddla_operands_destroy(ddla_operands *operands);

/* Starts a worker's step. Which shards are the host's matters with dynamic balance alone. */
void ddla_operands_begin(ddla_operands *operands, int worker, const ddla_claims_step *step);

/* First and last + 1 shard of the step under way that would be a worker's with static balance;
 * whether a shard of a batch has no samples. */
void ddla_operands_shards(const ddla_operands *operands, int worker, int *first, int *end);
bool ddla_operands_empty(const ddla_operands *operands, int64_t samples, int shard);

/* The worker's next shard with samples; false: it has no more. */
bool ddla_operands_claim(ddla_operands *operands, int worker, int *shard);

/* Where a shard's gradient goes, before it is computed; and what follows when it is there. */
ddla_sync_leaf ddla_operands_place(ddla_operands *operands, int worker, int shard);
void ddla_operands_done(ddla_operands *operands, int worker, int shard);

/* What a worker's shards have taken it lately, and for longer (of a worker of this agent), in
 * nanoseconds; 0: not known, or not asked for. */
int64_t ddla_operands_shard_ns(const ddla_operands *operands, int worker);
int64_t ddla_operands_long_ns(const ddla_operands *operands, int worker);

/* True where there are tables whose gradients are kept by row. */
bool ddla_operands_by_row(const ddla_operands *operands);

/* All of all hosts, by rising shards, where there are lists: those of others have nothing else. As
 * list. */
int ddla_operands_list_all(ddla_operand *out, const ddla_operands *operands, uint64_t step,
                           int64_t samples);

/* All of this host, by rising shards, into out [DDLA_TREE_OPERANDS_MAX], in the step that follows
 * `step` committed ones; returns how many. With dynamic balance, when every worker has reported
 * something final. */
int ddla_operands_list(ddla_operand *out, const ddla_operands *operands, uint64_t step,
                       int64_t samples);

#endif
