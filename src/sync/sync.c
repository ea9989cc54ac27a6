#include "sync/sync.h"

#include <stdatomic.h>
#include <string.h>

#define DDLA_STRATEGY(name) extern const ddla_strategy ddla_strategy_##name;
#include "sync/sync_list.h"
#undef DDLA_STRATEGY

static const ddla_strategy *const table[] = {
#define DDLA_STRATEGY(name) &ddla_strategy_##name,
#include "sync/sync_list.h"
#undef DDLA_STRATEGY
};

const ddla_strategy *const *ddla_strategy_table(int *count) {
  *count = (int)(sizeof table / sizeof table[0]);
  return table;
}

const ddla_strategy *ddla_strategy_find(const char *mode, const char *method) {
  int count = 0;
  const ddla_strategy *const *rows = ddla_strategy_table(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(rows[i]->mode, mode) == 0 && strcmp(rows[i]->method, method) == 0) return rows[i];
  return NULL;
}

const ddla_strategy_array *ddla_sync_array_at(const ddla_strategy *strategy,
                                              const ddla_heterogeneity *heterogeneity, int index) {
  const int behind = index - strategy->array_count;
  if (behind < 0) return &strategy->arrays[index];
  return heterogeneity && behind < heterogeneity->array_count ? &heterogeneity->arrays[behind]
                                                              : NULL;
}

void ddla_sync_part_of(int *first, int *end, const ddla_strategy *strategy,
                       const ddla_cluster *cluster, int shards) {
  const int64_t agents = ddla_cluster_agents(cluster);
  *first = 0;
  *end = shards;
  if (!strategy->replicated || strategy->claims) return;
  *first = (int)(shards * (int64_t)cluster->first[cluster->host] / agents);
  *end = (int)(shards * (int64_t)cluster->first[cluster->host + 1] / agents);
}

size_t ddla_sync_control_bytes(const ddla_strategy *strategy, const ddla_sync_split *split) {
  return strategy->control_bytes(split);
}

int ddla_sync_operand_copies(const ddla_strategy *strategy, const ddla_sync_split *split) {
  return strategy->operand_copies(split);
}

int ddla_sync_list_copies(const ddla_strategy *strategy, const ddla_sync_split *split) {
  return strategy->list_copies(split);
}

bool ddla_sync_divides(const ddla_strategy *strategy, const ddla_cluster *cluster) {
  return strategy->divides && cluster->hosts > 1;
}

int ddla_sync_reduced_versions(const ddla_strategy *strategy, const ddla_cluster *cluster) {
  return strategy->overlaps && cluster->hosts > 1 ? 2 : 1;
}

float *ddla_sync_reduced(const ddla_sync_options *options) {
  const uint64_t version = options->turn ? *options->turn : 0;
  return ddla_state_array(options->state, options->reduced, version, 0);
}

int ddla_sync_check_copies(const ddla_strategy *strategy, const ddla_cluster *cluster, int lanes) {
  const bool divides = ddla_sync_divides(strategy, cluster);
  return lanes * (divides ? ddla_cluster_agents(cluster) : ddla_cluster_here(cluster));
}

ddla_status ddla_sync_open(ddla_sync **out, const ddla_strategy *strategy,
                           const ddla_sync_options *options) {
  const ddla_staleness none = {.contributions = 0};
  if (options->watch) ddla_watch_note_staleness(options->watch[0], &none); /* it counts anew */
  return strategy->open(out, options);
}

void ddla_sync_close(ddla_sync *sync) {
  if (sync) sync->strategy->close(sync);
}

ddla_status ddla_sync_work_of(ddla_sync *sync, int worker, ddla_sync_work *work) {
  return sync->strategy->work_of(sync, worker, work);
}

void ddla_sync_begin(ddla_sync *sync, int worker, int64_t samples) {
  sync->strategy->begin(sync, worker, samples);
}

bool ddla_sync_claim(ddla_sync *sync, int worker, int *shard) {
  return sync->strategy->claim(sync, worker, shard);
}

ddla_sync_leaf ddla_sync_leaf_place(ddla_sync *sync, int worker, int shard) {
  return sync->strategy->leaf_place(sync, worker, shard);
}

void ddla_sync_put_record(ddla_sync *sync, int worker, int shard, const ddla_sync_record *record) {
  sync->strategy->put_record(sync, worker, shard, record);
}

void ddla_sync_final(ddla_sync *sync, int worker, int64_t from) {
  sync->strategy->final(sync, worker, from);
}

void ddla_sync_leaf_done(ddla_sync *sync, int worker, int shard) {
  sync->strategy->leaf_done(sync, worker, shard);
}

ddla_status ddla_sync_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *sync, int worker) {
  return sync->strategy->finish(out, bad_shard, sync, worker);
}

const ddla_sync_record *ddla_sync_records(const ddla_sync *sync, uint64_t step) {
  return sync->strategy->records(sync, step);
}

ddla_status ddla_sync_barrier(ddla_sync *sync, int worker) {
  return sync->strategy->share(sync, worker, NULL, 0);
}

ddla_status ddla_sync_share(ddla_sync *sync, int worker, const ddla_sync_part *parts, int count) {
  return sync->strategy->share(sync, worker, parts, count);
}

ddla_status ddla_sync_bring(ddla_sync *sync, int worker, void *data, size_t bytes, int from) {
  return sync->strategy->bring(sync, worker, data, bytes, from);
}

bool ddla_sync_settled(const ddla_sync *sync, int worker) {
  return !sync->strategy->settled || sync->strategy->settled(sync, worker);
}

ddla_status ddla_sync_settle(ddla_sync *sync, int worker) {
  return sync->strategy->settle ? sync->strategy->settle(sync, worker) : DDLA_OK;
}

void ddla_sync_ask_stop(ddla_sync *sync) { sync->strategy->ask_stop(sync); }

void ddla_sync_piece(const ddla_sync *sync, int worker, int64_t *begin, int64_t *end) {
  sync->strategy->piece(sync, worker, begin, end);
}

ddla_sync_time ddla_sync_time_of(const ddla_sync *sync, int worker) {
  return sync->strategy->time_of(sync, worker);
}

ddla_sync_traffic ddla_sync_traffic_of(const ddla_sync *sync) {
  return sync->strategy->traffic(sync);
}

uint64_t ddla_sync_committed(const void *control) {
  const _Atomic uint64_t *step_word = control;
  return atomic_load_explicit(step_word, memory_order_acquire);
}
