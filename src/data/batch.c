#include "data/batch.h"

#include "base/assert.h"

static int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0); }

int64_t ddla_batch_count(int64_t samples, int64_t batch) {
  DDLA_ASSERT(samples >= 0 && batch >= 1);
  return divide_up(samples, batch);
}

ddla_batch_span ddla_batch_positions(int64_t samples, int64_t batch, int64_t index) {
  DDLA_ASSERT(index >= 0 && index < ddla_batch_count(samples, batch));
  ddla_batch_span span = {.first = index * batch, .end = samples};
  if (samples - span.first > batch) span.end = span.first + batch;
  return span;
}

/* floor(shard * count / shards) without the product's overflow */
static int64_t border(int64_t count, int64_t shard, int64_t shards) {
  return shard * (count / shards) + shard * (count % shards) / shards;
}

ddla_batch_span ddla_batch_shard(ddla_batch_span whole, int64_t shard, int64_t shards) {
  DDLA_ASSERT(shard >= 0 && shard < shards && whole.first <= whole.end);
  int64_t count = ddla_batch_span_count(whole);
  return (ddla_batch_span){.first = whole.first + border(count, shard, shards),
                           .end = whole.first + border(count, shard + 1, shards)};
}

int64_t ddla_batch_shard_bound(int64_t batch, int64_t shards) {
  DDLA_ASSERT(batch >= 1 && shards >= 1);
  return divide_up(batch, shards);
}
