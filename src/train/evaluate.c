/* Evaluation: fixed batches of the set, dealt out to all workers; counts are integers and losses are summed in a fixed
 * order, so the result does not depend on who computed what. */
#include <string.h>

#include "base/alloc.h"
#include "data/batch.h"
#include "train/worker.h"

static ddla_status evaluate_batch(ddla_worker *worker, const ddla_dataset *set, const float *parameters,
                                  int64_t batch) {
  const ddla_training *training = worker->training;
  const ddla_task_graph *graph = &training->graph;
  ddla_batch_span span = ddla_batch_positions(ddla_dataset_count(set), DDLA_EVAL_BATCH, batch);
  int64_t count = ddla_batch_span_count(span);
  ddla_plan *plan = NULL;
  DDLA_TRY(ddla_lane_plan_for(&plan, &worker->compute, count, false));
  for (int64_t i = 0; i < count; i++) worker->indices[i] = span.first + i;
  const ddla_augment plain = {.mean = training->mean, .deviation = training->deviation};
  int32_t *labels = ddla_plan_value(plan, graph->label).data;
  ddla_batch_fill(ddla_plan_value(plan, graph->image).data, labels, set, worker->indices, count, &plain);
  ddla_plan_run run = {.parameters = parameters,
                       .parameter_version = (uint64_t)1 << 62 | (uint64_t)worker->evaluation_version};
  DDLA_TRY(ddla_plan_execute(plan, &run));
  int64_t *counts = worker->shared->metrics + worker->worker * worker->shared->metric_count;
  double loss = 0;
  ddla_metrics_add(counts, &loss, ddla_plan_value(plan, graph->logits).data, labels, count, graph->classes);
  worker->shared->losses[batch] = loss;
  return DDLA_OK;
}

ddla_status ddla_worker_evaluate(ddla_evaluation *out, ddla_worker *worker, const ddla_dataset *set,
                                 const float *parameters) {
  ddla_shared *shared = worker->shared;
  int64_t batches = ddla_batch_count(ddla_dataset_count(set), DDLA_EVAL_BATCH);
  int64_t *counts = shared->metrics + worker->worker * shared->metric_count;
  memset(counts, 0, (size_t)shared->metric_count * sizeof *counts);
  worker->evaluation_version++;
  for (int64_t batch = worker->worker; batch < batches; batch += worker->workers)
    DDLA_TRY(evaluate_batch(worker, set, parameters, batch));
  DDLA_TRY(ddla_sync_barrier(worker->sync, worker->worker));
  memset(worker->counts, 0, (size_t)shared->metric_count * sizeof *worker->counts);
  for (int w = 0; w < worker->workers; w++)
    ddla_metrics_merge(worker->counts, shared->metrics + w * shared->metric_count, worker->training->graph.classes);
  double loss = ddla_norm_tree(shared->losses, batches);
  int64_t samples = ddla_dataset_count(set);
  *out = (ddla_evaluation){.loss = loss / (double)samples, .count = samples, .counts = worker->counts,
                           .accuracy = ddla_metrics_accuracy(worker->counts, worker->training->graph.classes)};
  return ddla_sync_barrier(worker->sync, worker->worker); /* the arrays may be written again */
}
