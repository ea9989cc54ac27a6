/* Which positions of an epoch make up a global batch and its shards. Batch b of an epoch over n
 * samples covers positions [b * B, min(n, (b + 1) * B)): the last batch is kept even when it is
 * smaller, and who leaves it out (train.last_batch) asks for one batch less. Shard s of S covers
 * [floor(s * m / S), floor((s + 1) * m / S)) of the batch's m samples: sizes differ by at most one
 * and a shard of a small batch may be empty. Nothing here depends on how many agents run. Threads:
 * pure functions. */
#ifndef DDLA_DATA_BATCH_H
#define DDLA_DATA_BATCH_H

#include <stdint.h>

/* Half-open interval [first, end) of positions. Plain value. */
typedef struct ddla_batch_span {
  int64_t first, end;
} ddla_batch_span;

static inline int64_t ddla_batch_span_count(ddla_batch_span span) { return span.end - span.first; }

/* Batches per epoch: ceil(samples / batch). samples >= 0, batch >= 1. */
int64_t ddla_batch_count(int64_t samples, int64_t batch);

/* Positions of batch `index` in its epoch, 0 <= index < ddla_batch_count(samples, batch). */
ddla_batch_span ddla_batch_positions(int64_t samples, int64_t batch, int64_t index);

/* Part `shard` of `shards` of a span (a batch, or a shard that is cut into micro-batches);
 * 0 <= shard < shards. */
ddla_batch_span ddla_batch_shard(ddla_batch_span whole, int64_t shard, int64_t shards);

/* The most samples one shard of a full batch holds: ceil(batch / shards). For sizing buffers. */
int64_t ddla_batch_shard_bound(int64_t batch, int64_t shards);

#endif
