#include "train/forward.h"

#include <string.h>

#include "data/augment.h"
#include "data/batch.h"
#include "task/metrics.h"

static ddla_status execute(ddla_plan *plan, const ddla_forward *forward) {
  const ddla_plan_run run = {.parameters = forward->values.parameters,
                             .buffers = forward->values.buffers,
                             .parameter_version = forward->version};
  return ddla_plan_execute(plan, &run);
}

int64_t ddla_forward_batches(const ddla_task_graph *graph, const ddla_dataset *set) {
  return ddla_batch_count(ddla_dataset_count(set), ddla_task_evaluation_batch(graph));
}

ddla_status ddla_forward_evaluate(int64_t *counts, double *loss, const ddla_forward *forward,
                                  const ddla_dataset *set, int64_t batch) {
  const ddla_task_graph *graph = forward->graph;
  ddla_batch_span span =
      ddla_batch_positions(ddla_dataset_count(set), ddla_task_evaluation_batch(graph), batch);
  int64_t count = ddla_batch_span_count(span);
  ddla_plan *plan = NULL;
  DDLA_TRY(ddla_lane_plan_for(&plan, forward->lane, count, false));
  for (int64_t i = 0; i < count; i++) forward->indices[i] = span.first + i;
  const ddla_augment plain = {.mean = forward->mean, .deviation = forward->deviation};
  int32_t *labels = ddla_plan_value(plan, graph->label).data;
  ddla_batch_fill(ddla_plan_value(plan, graph->input).data, labels, set, forward->indices, count,
                  &plain);
  DDLA_TRY(execute(plan, forward));
  *loss = 0;
  ddla_metrics_add(counts, loss, ddla_plan_value(plan, graph->logits).data, labels,
                   count * graph->rows, graph->classes);
  return DDLA_OK;
}

/* The labels are not known; any will do, as nobody reads the loss. */
ddla_status ddla_forward_place(void **out, const ddla_forward *forward, int64_t count) {
  ddla_plan *plan = NULL;
  DDLA_TRY(ddla_lane_plan_for(&plan, forward->lane, count, false));
  int32_t *labels = ddla_plan_value(plan, forward->graph->label).data;
  memset(labels, 0, (size_t)(count * forward->graph->rows) * sizeof *labels);
  *out = ddla_plan_value(plan, forward->graph->input).data;
  return DDLA_OK;
}

ddla_status ddla_forward_run(const float **logits, const ddla_forward *forward, int64_t count) {
  ddla_plan *plan = NULL;
  DDLA_TRY(ddla_lane_plan_for(&plan, forward->lane, count, false));
  DDLA_TRY(execute(plan, forward));
  *logits = ddla_plan_value(plan, forward->graph->logits).data;
  return DDLA_OK;
}
