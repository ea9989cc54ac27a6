#include "train/worker.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "share/exchange.h"
#include "sync/sum/checks.h"
#include "train/average.h"
#include "train/run/past.h"
#include "train/run/run.h"
#include "train/save/description.h"
#include "train/save/divided.h"
#include "train/save/save.h"

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

ddla_status ddla_worker_init(ddla_worker *worker) {
  const ddla_training *training = worker->training;
  const int64_t batch = ddla_task_evaluation_batch(&training->graph);
  const int64_t most = training->micro_batch > batch ? training->micro_batch : batch;
  worker->progress.best_metric = -1;
  DDLA_TRY(DDLA_NEW(worker->indices, most));
  DDLA_TRY(DDLA_NEW(worker->records, worker->shared->loss_count));
  DDLA_TRY(DDLA_NEW(worker->pace_ns, worker->places));
  DDLA_TRY(DDLA_NEW(worker->cut, worker->places + 1));
  return DDLA_NEW(worker->counts, worker->shared->metric_count);
}

void ddla_worker_fini(ddla_worker *worker) {
  ddla_lane_fini(&worker->compute);
  ddla_audit_close(worker->audit);
  worker->audit = NULL;
  ddla_free(worker->indices);
  ddla_free(worker->counts);
  ddla_free(worker->records);
  ddla_free(worker->pace_ns);
  ddla_free(worker->cut);
  worker->indices = worker->counts = worker->pace_ns = worker->cut = NULL;
  worker->records = NULL;
}

static float *theta_now(const ddla_worker *worker) {
  uint64_t step = ddla_sync_committed(worker->shared->sync_control);
  return ddla_state_array(worker->shared->state, worker->shared->theta, step, 0);
}

/* The model that the run leaves: with replicas, what the last exchange made. */
static ddla_model_values model_now(const ddla_worker *worker) {
  uint64_t step = ddla_sync_committed(worker->shared->sync_control);
  return ddla_shared_model(worker->shared, step);
}

/* The model in the rows `best` and `best_buffers`. */
static ddla_model_values best_model(const ddla_worker *worker) {
  const ddla_shared *shared = worker->shared;
  return (ddla_model_values){ddla_state_array(shared->state, shared->best, 0, 0),
                             shared->best_buffers < 0
                                 ? NULL
                                 : ddla_state_array(shared->state, shared->best_buffers, 0, 0)};
}

/* Each worker copies its piece of the measured parameters to the row `best`; the first one the
 * buffers. */
static void keep_best(ddla_worker *worker) {
  int64_t begin = 0, end = 0;
  ddla_sync_piece(worker->sync, worker->worker, &begin, &end);
  ddla_model_values best = best_model(worker), now = ddla_worker_measured(worker);
  memcpy(best.parameters + begin, now.parameters + begin, (size_t)(end - begin) * sizeof(float));
  ddla_shared_tail(worker->shared, worker->worker, worker->workers, &begin, &end);
  memcpy(best.parameters + begin, now.parameters + begin, (size_t)(end - begin) * sizeof(float));
  if (worker->worker > 0 || !best.buffers) return;
  int64_t count = ddla_graph_buffer_space(worker->training->graph.graph);
  memcpy(best.buffers, now.buffers, (size_t)count * sizeof(float));
}

static ddla_status save_best(ddla_worker *worker) {
  if (worker->shared->best < 0) return DDLA_OK;
  keep_best(worker);
  DDLA_TRY(ddla_sync_barrier(worker->sync, worker->worker));
  if (!worker->run) return DDLA_OK;
  const char *directory = worker->run->directory;
  ddla_watch_mark(&worker->pen, DDLA_PHASE_MODEL, worker->last.step);
  char path[DDLA_PATH_BYTES], sha256[DDLA_SHA256_TEXT_BYTES];
  DDLA_TRY(ddla_train_save_model(sha256, worker->training, ddla_worker_measured(worker),
                                 ddla_run_path(path, directory, "best.safetensors")));
  return ddla_description_note(directory, DDLA_MODEL_BEST, sha256);
}

static bool is_enough(const ddla_worker *worker) {
  return ddla_progress_is_enough(&worker->progress, worker->training);
}

/* Looks at the validation set; true in *enough when the run should stop early. */
static ddla_status validate(bool *enough, ddla_worker *worker, int64_t epoch) {
  const ddla_training *training = worker->training;
  ddla_evaluation found = {0};
  DDLA_TRY(
      ddla_worker_evaluate(&found, worker, training->validation, ddla_worker_measured(worker)));
  if (worker->run) {
    worker->run->validation = found;
    worker->run->validated = true;
  }
  worker->progress.epochs_without_better += training->job->train.validate_every;
  const double metric = training->task->measure(&found);
  if (worker->progress.best_epoch == 0 ||
      ddla_task_is_better(training->task, metric, worker->progress.best_metric)) {
    worker->progress = (ddla_progress){.best_metric = metric, .best_epoch = epoch};
    DDLA_TRY(save_best(worker));
  }
  *enough = is_enough(worker);
  return DDLA_OK;
}

/* With replicas: an epoch's sums become those of all of them. */
static ddla_status share_epoch(ddla_worker *worker) {
  ddla_epoch_sums *sums = worker->shared->sums_of;
  const ddla_sync_part part = {sums, sizeof *sums, worker->places};
  if (!worker->training->strategy->replicated) return DDLA_OK;
  sums[worker->place] = worker->worker == 0 ? worker->epoch : (ddla_epoch_sums){0};
  DDLA_TRY(ddla_sync_share(worker->sync, worker->worker, &part, 1));
  worker->epoch = (ddla_epoch_sums){0};
  for (int w = 0; w < worker->places; w++) {
    worker->epoch.loss += sums[w].loss;
    worker->epoch.count += sums[w].count;
    worker->epoch.correct += sums[w].correct;
    worker->epoch.samples += sums[w].samples;
  }
  return ddla_sync_barrier(worker->sync, worker->worker); /* the sums may be written again */
}

/* The row of what was trained on since the last one. */
static ddla_status end_row(ddla_worker *worker, double epoch) {
  DDLA_TRY(share_epoch(worker));
  if (worker->run) {
    ddla_past_join_epoch(worker);
    DDLA_TRY(ddla_run_show_epoch(worker->run, worker, epoch));
  }
  worker->epoch = (ddla_epoch_sums){0};
  worker->epoch_non_finite = 0;
  return DDLA_OK;
}

static ddla_status end_epoch(bool *enough, ddla_worker *worker, int64_t epoch) {
  const ddla_training *training = worker->training;
  bool due = epoch % training->job->train.validate_every == 0 || epoch == training->epochs;
  bool whole = (int64_t)worker->last.step % training->batches_per_epoch == 0;
  if (whole) DDLA_TRY(ddla_worker_average(worker, epoch));
  if (training->validation && due) DDLA_TRY(validate(enough, worker, epoch));
  return end_row(worker, (double)epoch);
}

/* A row of metrics within an epoch. What it sees of the validation samples decides nothing: the
 * best model and early stopping go by epochs. */
static ddla_status measure(ddla_worker *worker) {
  const ddla_training *training = worker->training;
  ddla_evaluation found = {0};
  if (training->validation)
    DDLA_TRY(
        ddla_worker_evaluate(&found, worker, training->validation, ddla_worker_measured(worker)));
  if (worker->run) {
    worker->run->validation = found;
    worker->run->validated = training->validation != NULL;
  }
  return end_row(worker, (double)worker->last.step / (double)training->batches_per_epoch);
}

/* The loss is that of the parameters before the step: a step that spoils them shows only here or in
 * the next. */
static ddla_status check_finite(const ddla_worker *worker) {
  if (!worker->run) return DDLA_OK;
  const ddla_graph *graph = worker->training->graph.graph;
  const float *theta = theta_now(worker);
  for (int i = 0; i < graph->parameter_count; i++) {
    const ddla_graph_parameter_row *row = &graph->parameter[i];
    for (int64_t k = 0; k < row->count; k++) {
      if (isfinite(theta[row->offset + k])) continue;
      return DDLA_FAIL(NON_FINITE,
                       "%s holds %g after step %" PRIu64 "; the last checkpoint is kept. Lower "
                       "train.learning_rate or set train.clip_norm",
                       row->name, (double)theta[row->offset + k], worker->last.step);
    }
  }
  return DDLA_OK;
}

/* What the strategy counted in this step: the run ends, or goes on with a line in the log, the
 * first time in an epoch. */
static ddla_status heed_check(ddla_worker *worker) {
  const ddla_shared *shared = worker->shared;
  const ddla_sync_result *last = &worker->last;
  const int copies =
      shared->checks < 0 ? 0 : ddla_state_row_at(shared->state, shared->checks)->copies;
  char words[DDLA_STATUS_TEXT_BYTES];
  if (worker->run && last->checked) worker->run->checks++;
  if (last->non_finite == 0) return DDLA_OK;
  if (strcmp(worker->training->job->train.on_non_finite, "stop") == 0)
    return ddla_checks_fail(shared->state, shared->checks, 0, copies, last->step);
  if (worker->run) {
    worker->run->bad_checks++;
    worker->run->non_finite += last->non_finite;
    ddla_checks_words(words, sizeof words, shared->state, shared->checks, 0, copies);
    if (worker->epoch_non_finite == 0)
      ddla_log_line(DDLA_LOG_WARN, "numbers are not finite at step %" PRIu64 ": %s", last->step,
                    words);
  }
  worker->epoch_non_finite += last->non_finite;
  return DDLA_OK;
}

static bool checkpoint_is_due(const ddla_worker *worker, int64_t step, bool epoch_ended) {
  const ddla_job *job = worker->training->job;
  int64_t epoch = step / worker->training->batches_per_epoch;
  if (job->checkpoint.every_steps > 0 && step % job->checkpoint.every_steps == 0) return true;
  return epoch_ended && job->checkpoint.every_epochs > 0 &&
         epoch % job->checkpoint.every_epochs == 0;
}

/* The state does not change while workers wait at the barrier. What is divided among hosts comes to
 * the one that writes, in the order in which it writes. */
static ddla_status checkpoint(ddla_worker *worker) {
  worker->checkpoint_due = false;
  if (worker->run) ddla_watch_mark(&worker->pen, DDLA_PHASE_CHECKPOINT, worker->last.step);
  DDLA_TRY(ddla_train_save_checkpoint(worker));
  return ddla_sync_barrier(worker->sync, worker->worker);
}

static void note_step(ddla_worker *worker) {
  ddla_training_board *board = worker->training->board;
  if (!worker->run) return;
  if (atomic_load(&board->first_step_ns) == 0)
    atomic_store(&board->first_step_ns, now_ns() - worker->training->start_ns);
  atomic_store(&board->step, worker->last.step);
  ddla_run_show_step(worker->run, worker);
  ddla_watch_note_step(worker->watch, worker->last.step,
                       worker->last.count > 0 ? worker->last.loss / worker->last.count : 0,
                       worker->last.learning_rate);
  const double seconds = 1e-9 * (double)(now_ns() - worker->run->train_start_ns);
  const double limit = worker->training->job->train.seconds;
  if (limit > 0 && seconds >= limit) ddla_sync_ask_stop(worker->sync);
  if (!worker->run->on_step) return;
  ddla_watch_mark(&worker->pen, DDLA_PHASE_CALLBACK, worker->last.step);
  const ddla_train_step step = {
      .step = (int64_t)worker->last.step,
      .total_steps = worker->training->total_steps,
      .loss = worker->last.count > 0 ? worker->last.loss / worker->last.count : 0,
      .learning_rate = worker->last.learning_rate};
  worker->run->stop_asked |= !worker->run->on_step(worker->run->on_step_argument, &step);
  if (worker->run->stop_asked) ddla_sync_ask_stop(worker->sync);
}

/* A checkpoint that is due where replicas differ waits for the next exchange. */
static void note_due(ddla_worker *worker, int64_t step, bool epoch_ended) {
  if (!checkpoint_is_due(worker, step, epoch_ended)) return;
  worker->checkpoint_due = true;
  if (worker->run && !ddla_sync_settled(worker->sync, worker->worker))
    ddla_log_line(DDLA_LOG_INFO,
                  "the checkpoint of step %" PRId64 " is written when replicas have exchanged",
                  step);
}

static ddla_status after_step(bool *over, ddla_worker *worker) {
  const ddla_training *training = worker->training;
  int64_t step = (int64_t)worker->last.step;
  bool epoch_ended = step % training->batches_per_epoch == 0, enough = false;
  bool last = step >= training->total_steps, border = step >= training->end_step && !last;
  const int64_t every = training->job->train.measure_every;
  bool measured = every > 0 && step % every == 0;
  if (worker->last.under_way) {
    note_step(worker);
    return DDLA_OK;
  }
  note_due(worker, step, epoch_ended);
  bool due = worker->checkpoint_due && ddla_sync_settled(worker->sync, worker->worker);
  note_step(worker);
  DDLA_TRY(heed_check(worker));
  if (epoch_ended || last || border || due || worker->last.stop) DDLA_TRY(check_finite(worker));
  if (epoch_ended || last)
    DDLA_TRY(end_epoch(&enough, worker, (step - 1) / training->batches_per_epoch + 1));
  else if (measured) DDLA_TRY(measure(worker));
  if (last || border || enough) DDLA_TRY(ddla_sync_settle(worker->sync, worker->worker));
  bool stop = worker->last.stop && !last && !enough;
  worker->stopped = stop;
  worker->bordered = border && !stop && !enough;
  if (stop || last || border || enough || due) DDLA_TRY(checkpoint(worker));
  if (stop && worker->run) worker->run->interrupted = true;
  if (stop) atomic_store(&training->board->interrupted, 1);
  *over = stop || last || border || enough;
  return DDLA_OK;
}

static void write_report(ddla_worker *worker) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  ddla_sync_time time = ddla_sync_time_of(worker->sync, worker->worker);
  ddla_sync_traffic traffic = {0};
  if (worker->worker == 0) traffic = ddla_sync_traffic_of(worker->sync);
  worker->shared->report[worker->place] = (ddla_worker_report){
      .compute_ns = worker->compute_ns,
      .data_ns = worker->data_ns,
      .waits = worker->waits,
      .waiting_ns = time.waiting_ns,
      .exchange_ns = time.exchange_ns,
      .samples = worker->samples,
      .shards = worker->shards,
      .peak_bytes = (int64_t)usage.ru_maxrss * 1024,
      .sent_bytes = traffic.sent_bytes,
      .hosts_ns = traffic.exchange_ns,
      .exposed_ns = traffic.exposed_ns,
      .sample_bytes = worker->worker == 0 && worker->wire ? ddla_wire_bytes(worker->wire) : 0,
      .process = getpid()};
}

/* Everybody's report is everywhere. With what tiers have done up to now, for the test too. */
static ddla_status share_reports(ddla_worker *worker) {
  ddla_worker_report *report = worker->shared->report;
  if (worker->worker == 0) report[worker->place].tiers = ddla_tiered_counts(worker->tiered);
  const ddla_sync_part part = {report, sizeof *report, worker->places};
  return ddla_sync_share(worker->sync, worker->worker, &part, 1);
}

/* The model files of a run's end. */
static ddla_status save_models(ddla_worker *worker) {
  const ddla_training *training = worker->training;
  ddla_run *run = worker->run;
  char path[DDLA_PATH_BYTES];
  DDLA_TRY(ddla_train_save_model(run->model_sha256, training, model_now(worker),
                                 ddla_run_path(path, run->directory, "model.safetensors")));
  DDLA_TRY(ddla_description_note(run->directory, DDLA_MODEL_LAST, run->model_sha256));
  if (!run->averaged) return DDLA_OK;
  DDLA_TRY(ddla_train_save_model(run->average_sha256, training, ddla_worker_measured(worker),
                                 ddla_run_path(path, run->directory, "average.safetensors")));
  return ddla_description_note(run->directory, DDLA_MODEL_AVERAGE, run->average_sha256);
}

/* Test once, of the best model where one is kept, else of the average, else of the last; then the
 * model files and the report. */
static ddla_status finish(ddla_worker *worker) {
  const ddla_training *training = worker->training;
  bool best = worker->shared->best >= 0 && worker->progress.best_epoch > 0;
  ddla_evaluation found = {0};
  bool test = training->test && !worker->stopped;
  if (worker->run) worker->run->train_end_ns = now_ns();
  ddla_exchange_stop(training->exchange); /* before hosts meet for the last time */
  write_report(worker);
  if (test)
    DDLA_TRY(ddla_worker_evaluate(&found, worker, training->test,
                                  best ? best_model(worker) : ddla_worker_measured(worker)));
  DDLA_TRY(share_reports(worker));
  if (!worker->run) return DDLA_OK;
  DDLA_TRY(ddla_past_join(worker));
  ddla_watch_mark(&worker->pen, DDLA_PHASE_MODEL, worker->last.step);
  worker->run->test = found;
  worker->run->tested = test;
  worker->run->best_kept = best;
  worker->run->averaged = ddla_training_has_average(training, worker->last.step);
  DDLA_TRY(save_models(worker));
  return ddla_run_report(worker->run, worker);
}

/* At a border: what the run keeps of the segment. */
static ddla_status leave(ddla_worker *worker) {
  write_report(worker);
  DDLA_TRY(share_reports(worker));
  DDLA_TRY(share_epoch(worker));
  return worker->run ? ddla_past_leave(worker) : DDLA_OK;
}

/* A run's first segment starts its clock; what one asked for before a border still holds. */
static void begin(ddla_worker *worker) {
  ddla_run *run = worker->run;
  run->shown_waiting_ns = 0;
  if (run->stop_asked) ddla_sync_ask_stop(worker->sync);
  if (run->train_start_ns > 0) return;
  run->start_step = (int64_t)worker->last.step;
  run->train_start_ns = run->epoch_start_ns = now_ns();
}

ddla_status ddla_worker_train(ddla_worker *worker) {
  const ddla_training *training = worker->training;
  uint64_t step = ddla_sync_committed(worker->shared->sync_control);
  /* A checkpoint may be that of the end, by steps or by early stopping. */
  bool over = (int64_t)step >= training->total_steps || is_enough(worker);
  worker->last.step = step;
  if (worker->run) begin(worker);
  while (!over) {
    DDLA_TRY(ddla_worker_step(worker));
    DDLA_TRY(after_step(&over, worker));
  }
  return worker->bordered ? leave(worker) : finish(worker);
}
