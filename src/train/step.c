/* One step of one worker: its shards forward and backward, then the strategy's exchange. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "share/exchange.h"
#include "task/metrics.h"
#include "train/feed/loading.h"

/* One shard while it is computed. */
typedef struct shard_work {
  ddla_worker *worker;
  ddla_plan *plan;
  ddla_sync_record record;
  int shard;
  bool recorded;
} shard_work;

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

/* What was fed is written down, by the numbers that it was fetched by. */
static ddla_status note_samples(const ddla_worker *worker, const ddla_sync_work *given, int shard,
                                int64_t epoch, ddla_batch_span span, const int64_t *samples) {
  const ddla_audit_row row = {.step = (int64_t)given->step + 1,
                              .epoch = epoch,
                              .shard = given->first + shard,
                              .samples = samples,
                              .count = ddla_batch_span_count(span)};
  return ddla_audit_add(worker->audit, &row);
}

/* What this micro-batch observed joins what the shard's earlier ones did. */
static void add_statistics(const shard_work *work) {
  const ddla_shared *shared = work->worker->shared;
  const ddla_graph *graph = work->worker->training->graph.graph;
  for (int i = 0; i < graph->statistic_count; i++) {
    const ddla_graph_statistic_row *row = &graph->statistic[i];
    double *records = ddla_state_array(shared->state, shared->statistics, 0, work->shard);
    ddla_statistic_merge(records + row->rule.record, ddla_plan_value(work->plan, row->record).data,
                         row->rule.channels);
  }
}

/* The forward pass of the shard's last micro-batch is over: its loss and count are known. */
static void add_record(shard_work *work) {
  const ddla_task_graph *graph = &work->worker->training->graph;
  ddla_sync_record *record = &work->record;
  const int64_t samples = ddla_plan_value(work->plan, graph->input).shape.dim[0];
  record->loss += *(const double *)ddla_plan_value(work->plan, graph->loss).data;
  record->count += *(const double *)ddla_plan_value(work->plan, graph->count).data;
  if (!graph->task->add)
    record->correct += ddla_metrics_correct(ddla_plan_value(work->plan, graph->logits).data,
                                            ddla_plan_value(work->plan, graph->label).data,
                                            samples * graph->rows, graph->classes);
  record->samples += samples;
  add_statistics(work);
}

static void put_record(shard_work *work) {
  if (work->recorded) return;
  work->recorded = true;
  add_record(work);
  ddla_sync_put_record(work->worker->sync, work->worker->worker, work->shard, &work->record);
}

static void on_final(void *argument, int64_t from) {
  shard_work *work = argument;
  put_record(work);
  ddla_sync_final(work->worker->sync, work->worker->worker, from);
}

static ddla_status compute_micro_batch(shard_work *work, const ddla_plan_run *run) {
  ddla_alloc_freeze();
  ddla_status status = ddla_plan_execute(work->plan, run);
  ddla_alloc_thaw();
  return status;
}

static ddla_status compute_shard(ddla_worker *worker, int shard, const ddla_sync_work *given,
                                 const ddla_supply *supply, ddla_batch_span span) {
  shard_work work = {.worker = worker, .shard = shard, .record = {.agent = worker->agent}};
  ddla_sync_leaf leaf = ddla_sync_leaf_place(worker->sync, worker->worker, shard);
  uint64_t step = ddla_sync_committed(worker->shared->sync_control);
  const int64_t parts = ddla_supply_parts(worker->training, span);
  for (int64_t part = 0; part < parts; part++) {
    ddla_batch_span piece = ddla_batch_shard(span, part, parts);
    bool last = part + 1 == parts;
    DDLA_TRY(ddla_lane_plan_for(&work.plan, &worker->compute, ddla_batch_span_count(piece), true));
    uint64_t place = (uint64_t)shard | (uint64_t)part << 32;
    int64_t start_ns = now_ns();
    ddla_watch_mark_at(&worker->pen, DDLA_PHASE_DATA, place, start_ns);
    const ddla_loading_place from = {
        .supply = supply, .span = piece, .at = {given->step, shard, part}};
    const int64_t *samples = NULL;
    DDLA_TRY(ddla_loading_begin(&samples, worker, work.plan, &from));
    if (worker->audit) DDLA_TRY(note_samples(worker, given, shard, supply->epoch, piece, samples));
    int64_t fed_ns = now_ns();
    ddla_watch_mark_at(&worker->pen, DDLA_PHASE_COMPUTE, place, fed_ns);
    ddla_plan_run run = {.parameters = given->parameters,
                         .parameter_version = given->version,
                         .buffers = ddla_shared_buffers(worker->shared, step),
                         .gradients = leaf.gradients,
                         .rows = leaf.rows,
                         .accumulate = leaf.accumulate || part > 0,
                         .final = last && leaf.last ? on_final : NULL,
                         .final_argument = &work,
                         .profile_ns = work.plan == worker->profiled ? worker->profile_ns : NULL};
    DDLA_TRY(compute_micro_batch(&work, &run));
    if (last) put_record(&work);
    else add_record(&work);
    ddla_loading_end(worker);
    worker->data_ns += fed_ns - start_ns;
    worker->compute_ns += now_ns() - fed_ns;
  }
  worker->shards++;
  worker->samples += ddla_batch_span_count(span);
  ddla_watch_add_samples(&worker->pen, ddla_batch_span_count(span));
  ddla_sync_leaf_done(worker->sync, worker->worker, shard);
  return DDLA_OK;
}

/* What is to be computed: with strategies in which hosts do not claim, the same part of every
 * batch.
 */
static ddla_status find_work(ddla_sync_work *work, ddla_worker *worker) {
  const ddla_shared *shared = worker->shared;
  if (worker->training->strategy->claims && worker->sync->strategy->claims)
    return ddla_sync_work_of(worker->sync, worker->worker, work);
  const uint64_t step = ddla_sync_committed(shared->sync_control);
  *work = (ddla_sync_work){.step = step,
                           .first = worker->first_shard,
                           .end = worker->end_shard,
                           .parameters = ddla_state_array(shared->state, shared->theta, step, 0),
                           .version = step + 1};
  return DDLA_OK;
}

/* Names step, shard and samples of a loss that is not finite. */
static ddla_status explain_non_finite(const ddla_worker *worker, const ddla_sync_work *work,
                                      int shard, const ddla_supply *supply) {
  char samples[256] = "";
  size_t used = 0;
  const ddla_batch_span span = ddla_supply_shard(worker->training, work, shard);
  for (int64_t i = span.first; i < span.end && used + 24 < sizeof samples; i++) {
    int64_t sample = 0, pass = 0;
    (void)ddla_supply_fill(&sample, &pass, supply, i, 1); /* how many: one */
    used += (size_t)snprintf(samples + used, sizeof samples - used, "%s%" PRId64,
                             i > span.first ? ", " : "", sample);
  }
  if (used + 24 >= sizeof samples) snprintf(samples + used, sizeof samples - used, ", …");
  const ddla_sync_record *record = ddla_sync_records(worker->sync, work->step + 1);
  return DDLA_FAIL(NON_FINITE,
                   "the loss is %g at step %" PRIu64
                   " in shard %d (samples %s); the last checkpoint is kept. "
                   "Lower train.learning_rate, set train.clip_norm, or look at these samples",
                   record[shard].loss, work->step + 1, work->first + shard, samples);
}

static ddla_status compute_work(ddla_worker *worker, const ddla_sync_work *work,
                                const ddla_supply *supply) {
  int shard = 0;
  ddla_watch_set_step(&worker->pen, work->step + 1);
  ddla_sync_begin(worker->sync, worker->worker,
                  ddla_batch_span_count(ddla_supply_span(worker->training, work)));
  while (ddla_sync_claim(worker->sync, worker->worker, &shard))
    DDLA_TRY(compute_shard(worker, shard, work, supply,
                           ddla_supply_shard(worker->training, work, shard)));
  if (worker->audit) DDLA_TRY(ddla_audit_write(worker->audit)); /* before the step can count */
  ddla_sync_final(worker->sync, worker->worker, 0);
  return DDLA_OK;
}

/* Until the samples that replicas exchange for this step's epoch are there. */
static ddla_status await_samples(ddla_worker *worker, const ddla_sync_work *work) {
  const ddla_training *training = worker->training;
  const int64_t epoch = (int64_t)work->step / training->batches_per_epoch, start_ns = now_ns();
  if (!training->exchange) return DDLA_OK;
  if (!ddla_exchange_is_ready(training->exchange, epoch))
    ddla_watch_mark(&worker->pen, DDLA_PHASE_WAIT,
                    ddla_watch_wait_pack(DDLA_WAIT_HOSTS, DDLA_WATCH_ALL, (uint64_t)epoch + 1));
  DDLA_TRY(ddla_exchange_enter(training->exchange, epoch, worker->worker == 0));
  worker->data_ns += now_ns() - start_ns;
  return DDLA_OK;
}

ddla_status ddla_worker_step(ddla_worker *worker) {
  ddla_sync_work work;
  int bad_shard = -1;
  DDLA_TRY(find_work(&work, worker));
  DDLA_TRY(await_samples(worker, &work));
  ddla_tiered_enter(worker->tiered, (int64_t)work.step);
  const ddla_supply supply = ddla_supply_of(worker->training, &work, worker->replica);
  if (work.first < work.end) DDLA_TRY(compute_work(worker, &work, &supply));
  if (worker->stop && atomic_load(worker->stop)) ddla_sync_ask_stop(worker->sync);
  ddla_status status = ddla_sync_finish(&worker->last, &bad_shard, worker->sync, worker->worker);
  if (status == DDLA_NON_FINITE && bad_shard >= 0)
    return explain_non_finite(worker, &work, bad_shard, &supply);
  DDLA_TRY(status);
  worker->epoch.loss += worker->last.loss;
  worker->epoch.count += worker->last.count;
  worker->epoch.correct += worker->last.correct;
  worker->epoch.samples += worker->last.samples;
  return DDLA_OK;
}
