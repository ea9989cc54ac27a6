#include "train/feed/supply.h"

#include <stdio.h>

#include "base/assert.h"
#include "share/exchange.h"
#include "sync/sum/leaves.h"
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

const char *ddla_supply_replicas(const ddla_training *training) {
  for (int i = 0; training->segments && i < ddla_segments_count(training); i++) {
    const ddla_strategy *strategy = ddla_segments_get(training, i)->strategy;
    if (strategy->replicated) return strategy->method;
  }
  return NULL;
}

/* How many parts there are: one for each replica, or for each host that has files of its own; of
 * batches that are cut, what the job says, or one for each agent. */
static ddla_status count_parts(int *out, const ddla_training *training) {
  static const char key[] = "data.partition_parts";
  const ddla_job *job = training->job;
  const int64_t wanted = job->data.partition_parts;
  const char *method = ddla_supply_replicas(training);
  const int hosts = training->cluster.hosts;
  *out = hosts;
  if (!method && !training->owned) *out = wanted > 0 ? (int)wanted : training->agents;
  else if (wanted > 0 && wanted != hosts)
    return ddla_job_refuse(job, key,
                           "is %lld, but %s%s there are %d parts, one for each %s; leave it out",
                           (long long)wanted, method ? "with sync.method " : "with data.partition ",
                           method ? method : "files", hosts, method ? "replica" : "host");
  if (*out > DDLA_PARTS_MAX)
    return ddla_job_refuse(job, key,
                           "is 0, which makes a part for each of %d agents, but there may be at "
                           "most %d; say how many",
                           *out, DDLA_PARTS_MAX);
  return DDLA_OK;
}

/* Batches that are cut have a shard for each part; every agent has one anyway. */
static ddla_status check_shards(const ddla_training *training, int parts) {
  const int own = training->shards / (int)(training->batch / training->job->train.batch);
  if (training->owned || training->shards >= parts) return DDLA_OK;
  return ddla_job_refuse(training->job, "train.shards",
                         "is %d, so that a step has %d shards, but each of %d parts of the data "
                         "must have one; raise it, or lower data.partition_parts",
                         own, training->shards, parts);
}

ddla_status ddla_supply_prepare(ddla_training *training) {
  const ddla_job *job = training->job;
  const ddla_partition_kind *kind = NULL;
  double shared = 0;
  int parts = 0;
  DDLA_TRY(choose_partition(&kind, job));
  if (!kind) return DDLA_OK;
  DDLA_TRY(find_shared(&shared, training));
  DDLA_TRY(count_parts(&parts, training));
  DDLA_TRY(check_shards(training, parts));
  const ddla_partition_rule rule = {.parts = parts,
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

/* Samples that shards [first, end) have of batches [0, batches) of an epoch: all but the last batch
 * are alike. */
static int64_t taken_before(const ddla_training *training, int first, int end, int64_t batches) {
  const int64_t last = training->batches_per_epoch - 1;
  if (batches == 0) return 0;
  const int64_t each = ddla_batch_span_count(span_in(training, 0, first, end));
  if (batches <= last) return batches * each;
  return last * each + ddla_batch_span_count(span_in(training, last, first, end));
}

/* A part's stream, of which shards [first, end) of every batch are. */
static void draw_from(ddla_supply *supply, const ddla_training *training, int part, int first,
                      int end) {
  supply->stream =
      ddla_part_stream_of(training->parts, part, training->heterogeneity->spreads, training->seed);
  if (training->exchange) {
    supply->stream.sample =
        ddla_exchange_held(training->exchange, supply->epoch) + training->parts->first[part];
    supply->sample = training->parts->sample;
  }
  supply->ahead = supply->epoch * taken_before(training, first, end, training->batches_per_epoch) +
                  taken_before(training, first, end, supply->batch) -
                  span_in(training, supply->batch, first, end).first;
}

ddla_supply ddla_supply_of(const ddla_training *training, const ddla_sync_work *work, int host) {
  const int64_t step = (int64_t)work->step, batches = training->batches_per_epoch;
  ddla_supply supply = {.epoch = step / batches, .batch = step % batches};
  if (!training->parts)
    supply.order =
        ddla_order_epoch(ddla_dataset_count(training->train), training->seed, supply.epoch);
  else if (training->strategy->replicated)
    draw_from(&supply, training, host, work->first, work->end);
  else supply.cut = training;
  return supply;
}

/* ---- batches that are cut among parts ---- */

/* By static shares, lane by lane: those of a host follow each other. */
static void host_shards(int *first, int *end, const ddla_training *training, int host) {
  const ddla_cluster *cluster = &training->cluster;
  const int agents = ddla_cluster_agents(cluster), lanes = training->lanes;
  int unused = 0;
  ddla_leaves_share(first, &unused, training->shards, agents, lanes, cluster->first[host] * lanes);
  ddla_leaves_share(&unused, end, training->shards, agents, lanes,
                    cluster->first[host + 1] * lanes - 1);
}

ddla_sync_work ddla_supply_work(const ddla_training *training, int64_t step, int host) {
  ddla_cluster cluster = training->cluster;
  ddla_sync_work work = {.step = (uint64_t)step};
  cluster.host = host;
  if (training->strategy->replicated)
    ddla_sync_part_of(&work.first, &work.end, training->strategy, &cluster, training->shards);
  else host_shards(&work.first, &work.end, training, host);
  return work;
}

/* Of hosts whose data are their own, or who are replicas in another segment: those of the host. */
static void part_shards(int *first, int *end, const ddla_training *training, int part) {
  if (training->owned || ddla_supply_replicas(training)) host_shards(first, end, training, part);
  else ddla_leaves_share(first, end, training->shards, training->parts->count, 1, part);
}

/* The part that a position of the batch is of, and its positions. */
static int part_at(ddla_batch_span *span, int *first, int *end, const ddla_supply *supply,
                   int64_t position) {
  const ddla_training *training = supply->cut;
  for (int part = 0; part < training->parts->count; part++) {
    part_shards(first, end, training, part);
    *span = span_in(training, supply->batch, *first, *end);
    if (position >= span->first && position < span->end) return part;
  }
  DDLA_ASSERT(false);
  return 0;
}

void ddla_supply_borders(char text[DDLA_SUPPLY_TEXT_BYTES], const ddla_training *training) {
  size_t used = 0;
  int first = 0, end = 0;
  text[0] = '\0';
  for (int p = 0; p < training->parts->count && used < DDLA_SUPPLY_TEXT_BYTES - 8; p++) {
    part_shards(&first, &end, training, p);
    used +=
        (size_t)snprintf(text + used, DDLA_SUPPLY_TEXT_BYTES - used, "%s%d", p ? " " : "", first);
  }
}

static int64_t fill_from_part(int64_t *out, int64_t *pass, const ddla_supply *supply,
                              int64_t position, int64_t count) {
  ddla_supply drawn = *supply;
  ddla_batch_span span = {0};
  int first = 0, end = 0;
  const int part = part_at(&span, &first, &end, supply, position);
  drawn.cut = NULL;
  draw_from(&drawn, supply->cut, part, first, end);
  return ddla_supply_fill(out, pass, &drawn, position,
                          count < span.end - position ? count : span.end - position);
}

int64_t ddla_supply_fill(int64_t *out, int64_t *pass, const ddla_supply *supply, int64_t position,
                         int64_t count) {
  if (supply->cut) return fill_from_part(out, pass, supply, position, count);
  if (supply->stream.sample) {
    count = ddla_part_stream_fill(out, pass, &supply->stream, position + supply->ahead, count);
    for (int64_t i = 0; supply->sample && i < count; i++) out[i] = supply->sample[out[i]];
    return count;
  }
  ddla_order_fill(out, &supply->order, position, count);
  *pass = supply->epoch;
  return count;
}
