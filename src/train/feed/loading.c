#include "train/feed/loading.h"

#include <string.h>

#include "base/alloc.h"
#include "share/exchange.h"
#include "sync/sum/leaves.h"
#include "train/seating.h"

/* Of one lane; the loader's thread alone looks at supply. */
typedef struct lane_plan {
  int first, end; /* its shards, as it numbers them */
  ddla_supply supply;
  uint64_t supply_step; /* that it is of, and 1 more; 0: of none */
  char gap[64];
} lane_plan;

struct ddla_loading {
  ddla_loader *loader;
  ddla_worker *worker;
  lane_plan *lane; /* [lanes] */
};

const char *ddla_loading_unknown(const ddla_training *training) {
  if (training->dynamic)
    return "lanes claim shards as they come to them (parallel.balance: dynamic)";
  if (training->strategy->claims) return "agents claim work as they come to it (sync.mode)";
  if (training->far.count > 0)
    return "samples come through tiers, which a thread of the host fetches ahead (share.mode)";
  return NULL;
}

/* ---- what comes next ---- */

static ddla_sync_work work_of(const ddla_worker *worker, uint64_t step) {
  return (ddla_sync_work){.step = step, .first = worker->first_shard, .end = worker->end_shard};
}

/* The shards that a static share gives the worker: of its replica's, or of all. */
static void find_share(lane_plan *plan, const ddla_worker *worker) {
  const ddla_training *training = worker->training;
  const int lanes = training->lanes;
  if (training->strategy->replicated)
    ddla_leaves_share(&plan->first, &plan->end, worker->end_shard - worker->first_shard,
                      worker->workers / lanes, lanes, worker->worker);
  else
    ddla_leaves_share(&plan->first, &plan->end, training->shards, worker->places / lanes, lanes,
                      worker->place);
}

static bool next(void *argument, int lane, ddla_micro_batch *at) {
  const ddla_loading *loading = argument;
  const ddla_worker *worker = &loading->worker[lane];
  const lane_plan *plan = &loading->lane[lane];
  const uint64_t end_step = (uint64_t)worker->training->end_step;
  ddla_micro_batch found = *at;
  if (plan->first == plan->end) return false;
  if (found.shard < plan->first) found.shard = plan->first; /* in front of all */
  for (found.part++; found.step < end_step; found.part = 0) {
    const ddla_sync_work work = work_of(worker, found.step);
    const ddla_batch_span span = ddla_supply_shard(worker->training, &work, found.shard);
    if (found.part < ddla_supply_parts(worker->training, span)) {
      *at = found;
      return true;
    }
    if (++found.shard < plan->end) continue;
    found.shard = plan->first;
    found.step++;
  }
  return false;
}

/* ---- the loader's side ---- */

/* Of the step's epoch. */
static bool ready(void *argument, const ddla_micro_batch *at) {
  const ddla_loading *loading = argument;
  const ddla_training *training = loading->worker->training;
  const int64_t epoch = (int64_t)at->step / training->batches_per_epoch;
  return !training->exchange || ddla_exchange_is_ready(training->exchange, epoch);
}

static ddla_status fill(void *argument, int lane, const ddla_micro_batch *at, const ddla_feed *to) {
  ddla_loading *loading = argument;
  const ddla_worker *worker = &loading->worker[lane];
  const ddla_training *training = worker->training;
  lane_plan *plan = &loading->lane[lane];
  const ddla_sync_work work = work_of(worker, at->step);
  if (plan->supply_step != at->step + 1) {
    plan->supply = ddla_supply_of(training, &work, worker->replica);
    plan->supply_step = at->step + 1;
  }
  const ddla_batch_span span = ddla_supply_shard(training, &work, at->shard);
  ddla_feed from = *to;
  from.tiered = worker->tiered;
  from.worker = worker->worker;
  from.step = (int64_t)at->step;
  return ddla_feed_samples(&from, training, &plan->supply,
                           ddla_batch_shard(span, at->part, ddla_supply_parts(training, span)));
}

static size_t value_bytes(const ddla_graph *graph, ddla_value value) {
  const ddla_graph_value *row = &graph->value[value];
  return (size_t)ddla_shape_count(&row->shape) * ddla_dtype_bytes(row->dtype);
}

static ddla_loader_room room_of(const ddla_training *training) {
  const ddla_task_graph *graph = &training->graph;
  const int64_t shard = ddla_batch_shard_bound(training->batch, training->shards);
  return (ddla_loader_room){.samples =
                                shard < training->micro_batch ? shard : training->micro_batch,
                            .input_bytes = value_bytes(graph->graph, graph->input),
                            .label_bytes = value_bytes(graph->graph, graph->label),
                            .keyed = graph->key != DDLA_NO_VALUE};
}

size_t ddla_loading_slot_bytes(const ddla_training *training) {
  const ddla_loader_room room = room_of(training);
  const size_t sample = room.input_bytes + room.label_bytes + 2 * sizeof(int64_t);
  return (size_t)room.samples * sample;
}

size_t ddla_loading_bytes(const ddla_training *training) {
  if (training->ahead.count == 0) return 0;
  return (size_t)(training->lanes * (training->ahead.count + 1)) *
         ddla_loading_slot_bytes(training);
}

static ddla_status open_loader(ddla_loading *loading, uint64_t first) {
  ddla_worker *worker = loading->worker;
  const ddla_training *training = worker->training;
  DDLA_TRY(DDLA_NEW(loading->lane, training->lanes));
  for (int lane = 0; lane < training->lanes; lane++)
    find_share(&loading->lane[lane], &worker[lane]);
  const ddla_loader_options options = {
      .lanes = training->lanes,
      .ahead = training->ahead.count,
      .room = room_of(training),
      .first = {.step = first, .shard = -1, .part = -1},
      .next = next,
      .ready = ready,
      .fill = fill,
      .argument = loading,
      .transport = worker->transport,
      .set =
          ddla_seating_exchange(training, worker->agent), /* where no lane is, if there is room */
      .watch = worker->watch,
      .agent = worker->agent};
  return ddla_loader_open(&loading->loader, &options);
}

ddla_status ddla_loading_open(ddla_loading **out, ddla_worker *worker, uint64_t first) {
  const ddla_training *training = worker->training;
  ddla_loading *loading = NULL;
  *out = NULL;
  if (training->ahead.count == 0 || ddla_loading_unknown(training)) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(loading, 1));
  loading->worker = worker;
  ddla_status status = open_loader(loading, first);
  if (status != DDLA_OK) {
    ddla_loading_close(loading);
    return status;
  }
  for (int lane = 0; lane < training->lanes; lane++) worker[lane].loader = loading->loader;
  *out = loading;
  return DDLA_OK;
}

void ddla_loading_close(ddla_loading *loading) {
  if (!loading) return;
  ddla_loader_close(loading->loader);
  ddla_free(loading->lane);
  ddla_free(loading);
}

/* ---- the lane's side ---- */

static size_t sample_bytes(const ddla_tensor *value) {
  return (size_t)ddla_shape_count(&value->shape) * ddla_dtype_bytes(value->dtype) /
         (size_t)value->shape.dim[0];
}

static ddla_feed inputs_of(ddla_worker *worker, ddla_plan *plan, ddla_data_waits *waits) {
  const ddla_task_graph *graph = &worker->training->graph;
  const ddla_tensor input = ddla_plan_value(plan, graph->input);
  const ddla_tensor label = ddla_plan_value(plan, graph->label);
  return (ddla_feed){.input = input.data,
                     .label = label.data,
                     .input_bytes = sample_bytes(&input),
                     .label_bytes = sample_bytes(&label),
                     .key = graph->key == DDLA_NO_VALUE ? NULL
                                                        : ddla_plan_value(plan, graph->key).data,
                     .indices = worker->indices,
                     .tiered = worker->tiered,
                     .worker = worker->worker,
                     .waits = waits,
                     .pen = &worker->pen};
}

/* Where the samples lie: in a slot of the loader, or, with null, in the plan's own memory. */
static void lend(const ddla_worker *worker, ddla_plan *plan, const ddla_feed *ready) {
  const ddla_task_graph *graph = &worker->training->graph;
  ddla_plan_lend(plan, graph->input, ready ? ready->input : NULL);
  ddla_plan_lend(plan, graph->label, ready ? ready->label : NULL);
  if (graph->key != DDLA_NO_VALUE) ddla_plan_lend(plan, graph->key, ready ? ready->key : NULL);
}

ddla_status ddla_loading_begin(const int64_t **indices, ddla_worker *worker, ddla_plan *plan,
                               const ddla_loading_place *place) {
  const ddla_feed *ready = NULL;
  if (worker->loader) {
    DDLA_TRY(ddla_loader_take(&ready, worker->loader, worker->lane, &place->at, &worker->waits,
                              &worker->pen));
    lend(worker, plan, ready);
  }
  worker->holds_slot = ready != NULL;
  *indices = ready ? ready->indices : worker->indices;
  if (ready) return DDLA_OK;
  ddla_feed to = inputs_of(worker, plan, &worker->waits);
  to.step = (int64_t)place->at.step;
  if (!worker->tiered) ddla_data_waits_hit(&worker->waits, DDLA_TIER_MEMORY);
  return ddla_feed_samples(&to, worker->training, place->supply, place->span);
}

void ddla_loading_end(ddla_worker *worker) {
  if (worker->holds_slot) ddla_loader_done(worker->loader, worker->lane);
  worker->holds_slot = false;
}
