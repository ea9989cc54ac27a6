/* Which gradient buffer ("operand") takes the gradient of which shard, so that a worker needs few
 * of them and all sums are the fixed tree's. The tree over [0, shards): a span [a, b) splits at a +
 * (largest power of two < b - a). Pure functions of shards, workers and worker. */
#ifndef DDLA_SYNC_SUM_LEAVES_H
#define DDLA_SYNC_SUM_LEAVES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* A worker with more operands than preferred adds neighbours up where the tree does. OPERANDS_MAX:
 * twice the tree's depth for 65536 shards, and the preferred ones. */
enum { DDLA_LEAVES_OPERANDS_MAX = 40, DDLA_LEAVES_PREFERRED = 4 };

/* One operand: the sum over shards [first, end), a subtree, in buffer number `buffer` of its
 * worker. */
typedef struct ddla_leaves_operand {
  int first, end, buffer;
} ddla_leaves_operand;

/* What to do when the gradient of a shard is there: operand `from` is added to operand `to`. */
typedef struct ddla_leaves_merge {
  int after_shard, to, from; /* buffers */
  int to_first, to_end, from_first, from_end;
} ddla_leaves_merge;

typedef struct ddla_leaves {
  int first, end; /* shards of the worker */
  int *buffer;    /* [end - first] buffer of each shard */
  int operand_count, merge_count, buffer_count;
  ddla_leaves_operand operand[DDLA_LEAVES_OPERANDS_MAX]; /* what is left at the end */
  ddla_leaves_merge *merge;
} ddla_leaves;

/* Shards [first, end) of a worker: contiguous, sizes differ by at most one; agents first, then
 * their lanes. */
void ddla_leaves_share(int *first, int *end, int shards, int agents, int lanes, int worker);

/* True where [a, m) and [m, b) are the two halves of a span of the tree over [0, shards). */
bool ddla_leaves_siblings(int shards, int a, int m, int b);

/* Whether a shard of a batch has no samples; how many of shards [first, end) have some. */
bool ddla_leaves_empty(int shards, int64_t samples, int shard);
int ddla_leaves_filled(int shards, int64_t samples, int first, int end);

/* direct: the gradient of a shard can be added to its left sibling's as it is computed (a shard of
 * several micro-batches cannot: its own sum comes first). Errors: NO_MEMORY. */
ddla_status ddla_leaves_create(ddla_leaves *out, int shards, int first, int end, bool direct);
void ddla_leaves_destroy(ddla_leaves *leaves);

#endif
