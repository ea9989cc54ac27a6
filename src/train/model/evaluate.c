/* Evaluation: fixed batches of the set, dealt out to all workers; counts are integers and losses
 * are summed in a fixed order, so the result does not depend on who computed what. Of a set whose
 * samples lie on hosts of their own (data/united.h) each host's workers compute what lies there. */
#include <string.h>

#include "data/batch.h"
#include "data/united.h"
#include "task/metrics.h"
#include "train/worker.h"

/* Hosts' pieces differ in size, but what hosts share has as many items for each worker
 * (ddla_sync_share): so many records. */
static int64_t most_of_a_worker(const ddla_training *training, const ddla_dataset *set) {
  const ddla_cluster *cluster = &training->cluster;
  int64_t most = 0;
  for (int h = 0; h < ddla_dataset_pieces(set); h++) {
    const int64_t workers = (int64_t)(cluster->first[h + 1] - cluster->first[h]) * training->lanes;
    int64_t first = 0, end = 0;
    ddla_forward_piece(&first, &end, &training->graph, set, h);
    const int64_t each = (end - first + workers - 1) / workers;
    if (each > most) most = each;
  }
  return most;
}

int64_t ddla_evaluation_records(const ddla_training *training, const ddla_dataset *set) {
  if (!set) return 0;
  if (ddla_dataset_pieces(set) == 0) return ddla_forward_batches(&training->graph, set);
  return most_of_a_worker(training, set) * training->agents * training->lanes;
}

/* Batches of worker `worker` of a host, and the number of its first record. */
typedef struct batch_share {
  int64_t first, end, record;
} batch_share;

static batch_share share_within(const ddla_training *training, const ddla_dataset *set, int host,
                                int worker) {
  const ddla_cluster *cluster = &training->cluster;
  const int workers = (cluster->first[host + 1] - cluster->first[host]) * training->lanes;
  const int place = cluster->first[host] * training->lanes + worker;
  int64_t first = 0, end = 0;
  ddla_forward_piece(&first, &end, &training->graph, set, host);
  return (batch_share){.first = first + (end - first) * worker / workers,
                       .end = first + (end - first) * (worker + 1) / workers,
                       .record = place * most_of_a_worker(training, set)};
}

static batch_share share_of(const ddla_worker *worker, const ddla_dataset *set) {
  const int64_t batches = ddla_forward_batches(&worker->training->graph, set);
  if (ddla_dataset_pieces(set) > 0)
    return share_within(worker->training, set, worker->replica, worker->worker);
  const int64_t first = batches * worker->place / worker->places;
  return (batch_share){
      .first = first, .end = batches * (worker->place + 1) / worker->places, .record = first};
}

static ddla_status evaluate_share(ddla_worker *worker, const ddla_dataset *set,
                                  ddla_model_values values) {
  const ddla_training *training = worker->training;
  ddla_shared *shared = worker->shared;
  int64_t *counts = shared->metrics + worker->place * shared->metric_count;
  const ddla_forward forward = {.lane = &worker->compute,
                                .graph = &training->graph,
                                .values = values,
                                .version = (uint64_t)1 << 62 | (uint64_t)worker->evaluation_version,
                                .mean = training->mean,
                                .deviation = training->deviation,
                                .indices = worker->indices,
                                .tiered = worker->tiered,
                                .pen = &worker->pen,
                                .worker = worker->worker};
  memset(counts, 0, (size_t)shared->metric_count * sizeof *counts);
  const batch_share share = share_of(worker, set);
  double *record = shared->losses + share.record * ddla_forward_columns(training->task);
  for (int64_t batch = share.first; batch < share.end; batch++) {
    ddla_watch_mark(&worker->pen, DDLA_PHASE_EVALUATE, (uint64_t)batch);
    DDLA_TRY(ddla_forward_evaluate(counts, record, &forward, set, batch));
    record += ddla_forward_columns(training->task);
  }
  return DDLA_OK;
}

/* The records in the order of batches, which does not depend on how many workers hosts have. */
static const double *order_records(const ddla_worker *worker, const ddla_dataset *set) {
  const ddla_training *training = worker->training;
  const ddla_cluster *cluster = &training->cluster;
  const int64_t columns = ddla_forward_columns(training->task);
  if (ddla_dataset_pieces(set) == 0) return worker->shared->losses;
  for (int h = 0; h < cluster->hosts; h++)
    for (int w = 0; w < (cluster->first[h + 1] - cluster->first[h]) * training->lanes; w++) {
      const batch_share share = share_within(training, set, h, w);
      memcpy(worker->records + share.first * columns,
             worker->shared->losses + share.record * columns,
             (size_t)((share.end - share.first) * columns) * sizeof(double));
    }
  return worker->records;
}

ddla_status ddla_worker_evaluate(ddla_evaluation *out, ddla_worker *worker, const ddla_dataset *set,
                                 ddla_model_values values) {
  ddla_shared *shared = worker->shared;
  const ddla_training *training = worker->training;
  const ddla_task_graph *graph = &training->graph;
  const int64_t classes = graph->classes, columns = ddla_forward_columns(graph->task);
  const bool united = ddla_dataset_pieces(set) > 0;
  worker->evaluation_version++;
  DDLA_TRY(evaluate_share(worker, set, values));
  const int64_t each = united ? most_of_a_worker(training, set) : 1;
  const ddla_sync_part parts[] = {
      {shared->metrics, (size_t)shared->metric_count * sizeof *shared->metrics, worker->places},
      {shared->losses, (size_t)(each * columns) * sizeof *shared->losses,
       united ? worker->places : ddla_forward_batches(graph, set)}};
  DDLA_TRY(ddla_sync_share(worker->sync, worker->worker, parts, 2));
  memset(worker->counts, 0, (size_t)shared->metric_count * sizeof *worker->counts);
  for (int w = 0; w < worker->places; w++)
    ddla_metrics_merge(worker->counts, shared->metrics + w * shared->metric_count, classes);
  ddla_forward_conclude(out, graph, set, order_records(worker, set), worker->counts);
  return ddla_sync_barrier(worker->sync, worker->worker); /* the arrays may be written again */
}
