/* What a run shows while it goes on: a bar on a terminal, elsewhere a line per epoch. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "train/run/past.h"
#include "train/run/run.h"
#include "train/run/table.h"
#include "train/run/tensorboard.h"

enum { SHOW_EVERY_MS = 100, BAR_CELLS = 24 };

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

/* Whether labels are counted; else the task has a metric of its own, in evaluations only. */
static bool is_classifier(const ddla_run *run) { return !run->training->task->add; }

static double validated(const ddla_run *run) {
  return is_classifier(run) ? run->validation.accuracy
                            : run->training->task->measure(&run->validation);
}

static void bar_text(char *text, double part) {
  static const char full[] = "█", empty[] = "░"; /* three bytes each */
  int cells = (int)(part * BAR_CELLS);
  for (int i = 0; i < BAR_CELLS; i++) memcpy(text + 3 * i, i < cells ? full : empty, 3);
  text[3 * BAR_CELLS] = '\0';
}

static void duration_text(char *text, size_t bytes, double seconds) {
  if (seconds < 60) snprintf(text, bytes, "%.0f s", seconds);
  else if (seconds < 3600)
    snprintf(text, bytes, "%d:%02d min", (int)seconds / 60, (int)seconds % 60);
  else snprintf(text, bytes, "%d:%02d h", (int)seconds / 3600, (int)seconds / 60 % 60);
}

void ddla_run_show_step(ddla_run *run, const ddla_worker *worker) {
  int64_t now = now_ns();
  if (run->show != DDLA_SHOW_BAR || now - run->shown_ns < SHOW_EVERY_MS * INT64_C(1000000)) return;
  const ddla_training *training = run->training;
  int64_t waiting_ns = ddla_sync_time_of(worker->sync, worker->worker).waiting_ns;
  double waited =
      ratio((double)(waiting_ns - run->shown_waiting_ns), (double)(now - run->shown_ns));
  run->shown_ns = now;
  run->shown_waiting_ns = waiting_ns;
  int64_t step = (int64_t)worker->last.step, done = step - run->start_step;
  double seconds = (double)(now - run->train_start_ns) * 1e-9;
  char bar[3 * BAR_CELLS + 1], left[32], accuracy[32] = "";
  if (is_classifier(run))
    snprintf(accuracy, sizeof accuracy, "accuracy %.4f  ",
             ratio((double)worker->epoch.correct, worker->epoch.count));
  bar_text(bar, (double)step / (double)training->total_steps);
  duration_text(left, sizeof left,
                ratio(seconds, (double)done) * (double)(training->total_steps - step));
  fprintf(run->terminal,
          "\r%s epoch %" PRId64 "/%" PRId64 "  step %" PRId64 "/%" PRId64
          "  loss %.4f  %s%.0f %s/s  waiting %2.0f %%  %s left\033[K",
          bar, (step - 1) / training->batches_per_epoch + 1, training->epochs, step,
          training->total_steps, ratio(worker->epoch.loss, worker->epoch.count), accuracy,
          ratio((double)(done * training->batch * training->graph.rows), seconds),
          training->task->unit, 100 * fmin(waited, 1), left);
  fflush(run->terminal);
}

static void show_line(const ddla_run *run, const ddla_worker *worker, double epoch,
                      double seconds) {
  if (run->show == DDLA_SHOW_NONE || run->show == DDLA_SHOW_JSON) return;
  const bool counts = is_classifier(run);
  fprintf(run->terminal, "%sepoch %.4g/%" PRId64 "  step %" PRIu64 "  loss %.4f",
          run->show == DDLA_SHOW_BAR ? "\r\033[K" : "", epoch, run->training->epochs,
          worker->last.step, run->train_loss);
  if (counts) fprintf(run->terminal, "  accuracy %.4f", run->train_accuracy);
  if (run->validated)
    fprintf(run->terminal, "  validation loss %.4f  %s %.4f", run->validation.loss,
            counts ? "accuracy" : run->training->task->metric, validated(run));
  fprintf(run->terminal, "  learning rate %.3g  %.0f %s/s\n", worker->last.learning_rate,
          ratio((double)(worker->epoch.samples * run->training->graph.rows), seconds),
          run->training->task->unit);
  fflush(run->terminal);
}

/* A number of a row of metrics.jsonl, whatever the locale; what is not finite has no number in
 * JSON. */
static void put_real(FILE *file, const char *key, double value) {
  char text[DDLA_TEXT_REAL_BYTES] = "null";
  if (isfinite(value)) ddla_text_from_real(text, value);
  fprintf(file, ", \"%s\": %s", key, text);
}

/* The share of the epoch that all lanes of all agents waited; the recorder knows it. */
static void put_waiting(FILE *file, ddla_run *run, const ddla_worker *worker) {
  if (!worker->watch) return;
  int64_t waiting_ns = ddla_watch_phase_ns(worker->watch, DDLA_PHASE_WAIT);
  int64_t all_ns = ddla_watch_all_ns(worker->watch);
  put_real(
      file, "waiting",
      ratio((double)(waiting_ns - run->epoch_waiting_ns), (double)(all_ns - run->epoch_all_ns)));
  run->epoch_waiting_ns = waiting_ns;
  run->epoch_all_ns = all_ns;
}

/* What the strategy keeps of numbers, behind the last exchange. */
static void put_numbers(FILE *file, const ddla_run *run, const ddla_worker *worker) {
  const ddla_strategy *strategy = run->training->strategy;
  const ddla_shared *shared = worker->shared;
  if (strategy->number_count == 0) return;
  const double *numbers = ddla_state_array(shared->state, shared->numbers, 0, 0);
  for (int i = 0; i < strategy->number_count; i++) put_real(file, strategy->numbers[i], numbers[i]);
}

/* Whole at its end; on the way with a fraction, of four digits. */
static void put_epoch(FILE *file, double epoch) {
  char text[DDLA_TEXT_REAL_BYTES];
  if (epoch == floor(epoch)) {
    fprintf(file, "{\"epoch\": %" PRId64, (int64_t)epoch);
    return;
  }
  ddla_text_from_real(text, floor(1e4 * epoch + 0.5) / 1e4);
  fprintf(file, "{\"epoch\": %s", text);
}

static void put_row(FILE *file, ddla_run *run, const ddla_worker *worker, double epoch,
                    double seconds) {
  char key[64];
  put_epoch(file, epoch);
  fprintf(file, ", \"step\": %" PRIu64, worker->last.step);
  put_real(file, "loss", run->train_loss);
  if (is_classifier(run)) put_real(file, "accuracy", run->train_accuracy);
  put_real(file, "learning_rate", worker->last.learning_rate);
  put_real(file, "samples_per_second", ratio((double)worker->epoch.samples, seconds));
  put_real(file, "seconds", (double)(now_ns() - run->train_start_ns) * 1e-9);
  put_waiting(file, run, worker);
  fprintf(file, ", \"samples\": %" PRId64 ", \"bytes_sent\": %" PRId64, run->samples,
          ddla_past_sent_bytes(run) + ddla_sync_traffic_of(worker->sync).sent_bytes);
  if (run->training->job->train.clip_norm > 0)
    put_real(file, "gradient_norm", worker->last.gradient_norm);
  if (run->training->job->train.check_every > 0)
    fprintf(file, ", \"non_finite\": %" PRId64, worker->epoch_non_finite);
  put_numbers(file, run, worker);
  if (run->validated) {
    put_real(file, "validation_loss", run->validation.loss);
    snprintf(key, sizeof key, "validation_%s",
             is_classifier(run) ? "accuracy" : run->training->task->metric);
    put_real(file, key, validated(run));
  }
  fputs("}\n", file);
}

/* The row goes to the file at once, so a run that is killed cuts at most one, and into the table.
 */
static ddla_status write_row(ddla_run *run, const ddla_worker *worker, double epoch,
                             double seconds) {
  char path[DDLA_PATH_BYTES], *row = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&row, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for a row of metrics");
  put_row(file, run, worker, epoch, seconds);
  ddla_status status = DDLA_OK;
  if (fclose(file) != 0) status = DDLA_FAIL(NO_MEMORY, "no memory for a row of metrics");
  else if (fwrite(row, 1, bytes, run->metrics) != bytes || fflush(run->metrics) != 0)
    status =
        ddla_file_fail(errno, "cannot write", ddla_run_path(path, run->directory, "metrics.jsonl"));
  if (status == DDLA_OK && run->table) status = ddla_table_add(run->table, row, bytes);
  free(row); /* made by open_memstream */
  return status;
}

/* The same numbers for TensorBoard, over steps. */
static ddla_status write_tensorboard(const ddla_run *run, const ddla_worker *worker,
                                     double seconds) {
  FILE *file = run->tensorboard;
  int64_t step = (int64_t)worker->last.step;
  char path[DDLA_PATH_BYTES], name[64];
  if (!file) return DDLA_OK;
  ddla_tensorboard_scalar(file, step, "loss/train", run->train_loss);
  if (is_classifier(run))
    ddla_tensorboard_scalar(file, step, "accuracy/train", run->train_accuracy);
  ddla_tensorboard_scalar(file, step, "learning_rate", worker->last.learning_rate);
  ddla_tensorboard_scalar(file, step, "samples_per_second",
                          ratio((double)worker->epoch.samples, seconds));
  if (run->validated) {
    ddla_tensorboard_scalar(file, step, "loss/validation", run->validation.loss);
    snprintf(name, sizeof name, "%s/validation",
             is_classifier(run) ? "accuracy" : run->training->task->metric);
    ddla_tensorboard_scalar(file, step, name, validated(run));
  }
  if (fflush(file) == 0 && !ferror(file)) return DDLA_OK;
  return ddla_file_fail(errno, "cannot write", ddla_run_path(path, run->directory, "tensorboard"));
}

ddla_status ddla_run_show_epoch(ddla_run *run, const ddla_worker *worker, double epoch) {
  double seconds = (double)(now_ns() - run->epoch_start_ns) * 1e-9;
  run->train_loss = ratio(worker->epoch.loss, worker->epoch.count);
  run->train_accuracy = ratio((double)worker->epoch.correct, worker->epoch.count);
  run->samples += worker->epoch.samples;
  show_line(run, worker, epoch, seconds);
  ddla_status status = write_row(run, worker, epoch, seconds);
  if (status == DDLA_OK) status = write_tensorboard(run, worker, seconds);
  run->epoch_start_ns = now_ns();
  run->validated = false;
  return status;
}
