#include "train/supply.h"

#include <stdio.h>

#include "share/exchange.h"
#include "train/segments.h"

/* ---- who has what ---- */

static ddla_status choose_partition(const ddla_partition_kind **out, const ddla_job *job) {
  enum { NAMES_MAX = 32 };
  const char *names[NAMES_MAX] = {"shared"};
  int count = 1, index = 0;
  for (; count < NAMES_MAX && ddla_partition_at(count - 1); count++)
    names[count] = ddla_partition_at(count - 1)->name;
  DDLA_TRY(ddla_job_choose(&index, job, "data.partition", names, count));
  *out = index > 0 ? ddla_partition_at(index - 1) : NULL;
  return DDLA_OK;
}

/* The samples that all have are the same ones for the whole run. */
static ddla_status find_shared(double *fraction, const ddla_training *training) {
  double found = 0;
  for (int i = 0; i < ddla_segments_count(training); i++) {
    const ddla_training part = ddla_segments_training(training, i);
    const double wanted = part.job->sync.shared_fraction;
    if (!part.heterogeneity->spreads) continue;
    if (found > 0 && found != wanted)
      return ddla_job_refuse(part.job, "sync.shared_fraction",
                             "is %g, but in another part of the run %g: what all replicas have is "
                             "chosen once; give all parts the same",
                             wanted, found);
    found = wanted;
  }
  *fraction = found;
  return DDLA_OK;
}

/* What cannot be divided as the job says is told with the place of the key. */
static ddla_status blame(const ddla_training *training, ddla_status status) {
  char words[DDLA_STATUS_TEXT_BYTES];
  if (status != DDLA_INVALID) return status;
  snprintf(words, sizeof words, "%s", ddla_status_message(status));
  return ddla_job_refuse(training->job, "data.partition", "cannot be followed: %s", words);
}

ddla_status ddla_supply_prepare(ddla_training *training) {
  const ddla_job *job = training->job;
  const ddla_partition_kind *kind = NULL;
  double shared = 0;
  DDLA_TRY(choose_partition(&kind, job));
  if (!kind) return DDLA_OK;
  DDLA_TRY(find_shared(&shared, training));
  const ddla_partition_rule rule = {.parts = training->cluster.hosts,
                                    .seed = training->seed,
                                    .labels = job->data.partition_labels,
                                    .alpha = job->data.partition_alpha,
                                    .exponent = job->data.partition_exponent};
  return blame(training, ddla_parts_make(&training->parts, training->train, kind, &rule, shared));
}

/* ---- what a step takes ---- */

/* Shards [first, end) of a batch of an epoch. */
static ddla_batch_span span_in(const ddla_training *training, int64_t batch, int first, int end) {
  const ddla_batch_span whole =
      ddla_batch_positions(ddla_dataset_count(training->train), training->batch, batch);
  if (first == end) return (ddla_batch_span){whole.first, whole.first};
  return (ddla_batch_span){ddla_batch_shard(whole, first, training->shards).first,
                           ddla_batch_shard(whole, end - 1, training->shards).end};
}

ddla_batch_span ddla_supply_span(const ddla_training *training, const ddla_sync_work *work) {
  return span_in(training, (int64_t)work->step % training->batches_per_epoch, work->first,
                 work->end);
}

ddla_batch_span ddla_supply_shard(const ddla_training *training, const ddla_sync_work *work,
                                  int shard) {
  const int64_t batch = (int64_t)work->step % training->batches_per_epoch;
  if (training->strategy->replicated)
    return ddla_batch_shard(ddla_supply_span(training, work), shard, work->end - work->first);
  return ddla_batch_shard(
      ddla_batch_positions(ddla_dataset_count(training->train), training->batch, batch),
      work->first + shard, training->shards);
}

int64_t ddla_supply_parts(const ddla_training *training, ddla_batch_span span) {
  return (ddla_batch_span_count(span) + training->micro_batch - 1) / training->micro_batch;
}

/* Samples that these shards have of batches [0, batches) of an epoch: all but the last batch are
 * alike. */
static int64_t taken_before(const ddla_training *training, const ddla_sync_work *work,
                            int64_t batches) {
  const int64_t last = training->batches_per_epoch - 1;
  if (batches == 0) return 0;
  const int64_t each = ddla_batch_span_count(span_in(training, 0, work->first, work->end));
  if (batches <= last) return batches * each;
  return last * each + ddla_batch_span_count(span_in(training, last, work->first, work->end));
}

ddla_supply ddla_supply_of(const ddla_training *training, const ddla_sync_work *work, int replica) {
  const int64_t step = (int64_t)work->step, batches = training->batches_per_epoch;
  ddla_supply supply = {.epoch = step / batches};
  if (!training->parts) {
    supply.order =
        ddla_order_epoch(ddla_dataset_count(training->train), training->seed, supply.epoch);
    return supply;
  }
  supply.stream = ddla_part_stream_of(training->parts, replica, training->heterogeneity->spreads,
                                      training->seed);
  if (training->exchange) {
    supply.stream.sample =
        ddla_exchange_held(training->exchange, supply.epoch) + training->parts->first[replica];
    supply.sample = training->parts->sample;
  }
  supply.ahead = supply.epoch * taken_before(training, work, batches) +
                 taken_before(training, work, step % batches) -
                 ddla_supply_span(training, work).first;
  return supply;
}

int64_t ddla_supply_fill(int64_t *out, int64_t *pass, const ddla_supply *supply, int64_t position,
                         int64_t count) {
  if (supply->stream.sample) {
    count = ddla_part_stream_fill(out, pass, &supply->stream, position + supply->ahead, count);
    for (int64_t i = 0; supply->sample && i < count; i++) out[i] = supply->sample[out[i]];
    return count;
  }
  ddla_order_fill(out, &supply->order, position, count);
  *pass = supply->epoch;
  return count;
}
