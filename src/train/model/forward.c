#include "train/model/forward.h"

#include <string.h>

#include "data/augment.h"
#include "data/batch.h"
#include "data/united.h"
#include "optim/norm.h"
#include "task/metrics.h"

static ddla_status execute(ddla_plan *plan, const ddla_forward *forward) {
  const ddla_plan_run run = {.parameters = forward->values.parameters,
                             .buffers = forward->values.buffers,
                             .parameter_version = forward->version};
  return ddla_plan_execute(plan, &run);
}

int64_t ddla_forward_batches(const ddla_task_graph *graph, const ddla_dataset *set) {
  const int pieces = ddla_dataset_pieces(set);
  int64_t first = 0, end = 0;
  if (pieces == 0)
    return ddla_batch_count(ddla_dataset_count(set), ddla_task_evaluation_batch(graph));
  ddla_forward_piece(&first, &end, graph, set, pieces - 1);
  return end;
}

void ddla_forward_piece(int64_t *first, int64_t *end, const ddla_task_graph *graph,
                        const ddla_dataset *set, int piece) {
  const int64_t batch = ddla_task_evaluation_batch(graph);
  *end = 0;
  for (int p = 0; p <= piece; p++) {
    *first = *end;
    *end += ddla_batch_count(ddla_dataset_piece_count(set, p), batch);
  }
}

/* Positions in the set of one of its batches. */
static ddla_batch_span span_of(const ddla_task_graph *graph, const ddla_dataset *set,
                               int64_t batch) {
  const int64_t size = ddla_task_evaluation_batch(graph);
  int64_t before = 0, first = 0, end = 0;
  int piece = 0;
  if (ddla_dataset_pieces(set) == 0)
    return ddla_batch_positions(ddla_dataset_count(set), size, batch);
  for (;; piece++) {
    ddla_forward_piece(&first, &end, graph, set, piece);
    if (batch < end) break;
    before += ddla_dataset_piece_count(set, piece);
  }
  const ddla_batch_span span =
      ddla_batch_positions(ddla_dataset_piece_count(set, piece), size, batch - first);
  return (ddla_batch_span){before + span.first, before + span.end};
}

int ddla_forward_columns(const ddla_task *task) { return task->add ? 2 + task->sum_count : 1; }

/* What the batch that was just run shows to a task that adds sums of its own. */
static void record_sums(double *record, const ddla_plan *plan, const ddla_task_graph *graph) {
  const ddla_task_batch shown = {.input = ddla_plan_value(plan, graph->input),
                                 .label = ddla_plan_value(plan, graph->label),
                                 .logits = ddla_plan_value(plan, graph->logits)};
  double *sums = record + 2;
  record[0] = *(const double *)ddla_plan_value(plan, graph->loss).data;
  record[1] = *(const double *)ddla_plan_value(plan, graph->count).data;
  memset(sums, 0, (size_t)graph->task->sum_count * sizeof *sums);
  graph->task->add(sums, &shown);
}

ddla_status ddla_forward_evaluate(int64_t *counts, double *record, const ddla_forward *forward,
                                  const ddla_dataset *set, int64_t batch) {
  const ddla_task_graph *graph = forward->graph;
  ddla_batch_span span = span_of(graph, set, batch);
  int64_t count = ddla_batch_span_count(span);
  ddla_plan *plan = NULL;
  DDLA_TRY(ddla_lane_plan_for(&plan, forward->lane, count, false));
  for (int64_t i = 0; i < count; i++) forward->indices[i] = span.first + i;
  ddla_augment plain = {.mean = forward->mean, .deviation = forward->deviation};
  const ddla_tiered_samples samples = {
      .set = set,
      .indices = forward->indices,
      .count = count,
      .asker = {.pen = forward->pen, .phase = DDLA_PHASE_EVALUATE, .detail = (uint64_t)batch}};
  DDLA_TRY(ddla_tiered_bring(&plain.features, forward->tiered, forward->worker, &samples));
  void *labels = ddla_plan_value(plan, graph->label).data;
  ddla_batch_fill(ddla_plan_value(plan, graph->input).data, labels, set, forward->indices, count,
                  &plain);
  DDLA_TRY(execute(plan, forward));
  if (graph->task->add) {
    record_sums(record, plan, graph);
    return DDLA_OK;
  }
  *record = 0;
  ddla_metrics_add(counts, record, ddla_plan_value(plan, graph->logits).data, labels,
                   count * graph->rows, graph->classes);
  return DDLA_OK;
}

void ddla_forward_conclude(ddla_evaluation *out, const ddla_task_graph *graph,
                           const ddla_dataset *set, const double *record, const int64_t *counts) {
  const int64_t batches = ddla_forward_batches(graph, set);
  const int columns = ddla_forward_columns(graph->task);
  const double loss = ddla_norm_tree_column(record, batches, columns);
  ddla_evaluation made = {.count = ddla_dataset_count(set) * graph->rows, .counts = counts};
  if (graph->task->add) {
    made.count = (int64_t)ddla_norm_tree_column(record + 1, batches, columns);
    for (int i = 0; i < graph->task->sum_count; i++)
      made.sums[i] = ddla_norm_tree_column(record + 2 + i, batches, columns);
  } else {
    made.accuracy = ddla_metrics_accuracy(counts, graph->classes);
  }
  made.loss = made.count > 0 ? loss / (double)made.count : 0;
  *out = made;
}

/* The labels are not known; any will do, as nobody reads the loss. */
ddla_status ddla_forward_place(void **out, const ddla_forward *forward, int64_t count) {
  ddla_plan *plan = NULL;
  DDLA_TRY(ddla_lane_plan_for(&plan, forward->lane, count, false));
  const ddla_tensor label = ddla_plan_value(plan, forward->graph->label);
  memset(label.data, 0, (size_t)ddla_shape_count(&label.shape) * ddla_dtype_bytes(label.dtype));
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
