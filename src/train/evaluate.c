/* Evaluation: fixed batches of the set, dealt out to all workers; counts are integers and losses
 * are summed in a fixed order, so the result does not depend on who computed what. */
#include <string.h>

#include "data/batch.h"
#include "task/metrics.h"
#include "train/worker.h"

static ddla_status evaluate_share(ddla_worker *worker, const ddla_dataset *set,
                                  ddla_model_values values) {
  const ddla_training *training = worker->training;
  ddla_shared *shared = worker->shared;
  int64_t batches = ddla_forward_batches(&training->graph, set);
  int64_t *counts = shared->metrics + worker->place * shared->metric_count;
  const ddla_forward forward = {.lane = &worker->compute,
                                .graph = &training->graph,
                                .values = values,
                                .version = (uint64_t)1 << 62 | (uint64_t)worker->evaluation_version,
                                .mean = training->mean,
                                .deviation = training->deviation,
                                .indices = worker->indices,
                                .tiered = worker->tiered,
                                .worker = worker->worker};
  memset(counts, 0, (size_t)shared->metric_count * sizeof *counts);
  const int64_t first = batches * worker->place / worker->places,
                end = batches * (worker->place + 1) / worker->places;
  for (int64_t batch = first; batch < end; batch++) {
    ddla_watch_mark(&worker->pen, DDLA_PHASE_EVALUATE, (uint64_t)batch);
    DDLA_TRY(ddla_forward_evaluate(counts, shared->losses, &forward, set, batch));
  }
  return DDLA_OK;
}

ddla_status ddla_worker_evaluate(ddla_evaluation *out, ddla_worker *worker, const ddla_dataset *set,
                                 ddla_model_values values) {
  ddla_shared *shared = worker->shared;
  const ddla_task_graph *graph = &worker->training->graph;
  const int64_t classes = graph->classes;
  worker->evaluation_version++;
  DDLA_TRY(evaluate_share(worker, set, values));
  const int64_t batches = ddla_forward_batches(graph, set);
  const ddla_sync_part parts[] = {
      {shared->metrics, (size_t)shared->metric_count * sizeof *shared->metrics, worker->places},
      {shared->losses, (size_t)ddla_forward_columns(graph->task) * sizeof *shared->losses,
       batches}};
  DDLA_TRY(ddla_sync_share(worker->sync, worker->worker, parts, 2));
  memset(worker->counts, 0, (size_t)shared->metric_count * sizeof *worker->counts);
  for (int w = 0; w < worker->places; w++)
    ddla_metrics_merge(worker->counts, shared->metrics + w * shared->metric_count, classes);
  ddla_forward_conclude(out, graph, set, shared->losses, worker->counts);
  return ddla_sync_barrier(worker->sync, worker->worker); /* the arrays may be written again */
}
