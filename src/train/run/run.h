/* What one run leaves and shows: its directory, lines of metrics, progress on the terminal, the
 * report. Kept by the first worker of agent 0; the directory is prepared before the agents exist.
 * Threads: one thread. */
#ifndef DDLA_TRAIN_RUN_RUN_H
#define DDLA_TRAIN_RUN_RUN_H

#include <stdio.h>

#include <ddla/train.h>

#include "base/sha256.h"
#include "train/worker.h"

enum { DDLA_PATH_BYTES = 4096 };

typedef enum ddla_show { DDLA_SHOW_NONE, DDLA_SHOW_LINES, DDLA_SHOW_BAR, DDLA_SHOW_JSON } ddla_show;

struct ddla_past;

typedef struct ddla_run {
  const ddla_training *training; /* of the segment under way */
  struct ddla_past *past;        /* of segments that are over; owned; null: there are none */
  const char *directory;
  ddla_show show;
  FILE *metrics, *terminal; /* terminal: where progress is shown; may be null */
  FILE *table;              /* metrics.csv; null where it is not wanted */
  FILE *tensorboard;        /* events for TensorBoard; null where they are not wanted */
  int64_t train_start_ns, train_end_ns, shown_ns, epoch_start_ns;
  int64_t start_step; /* resumed from */
  int64_t shown_waiting_ns;
  int64_t epoch_waiting_ns, epoch_all_ns; /* of all lanes, at the epoch's beginning */
  bool interrupted, stop_asked;           /* stop_asked: by on_step */
  bool (*on_step)(void *argument, const ddla_train_step *step); /* may be null */
  void *on_step_argument;
  bool best_kept; /* test and report are of best.safetensors */
  bool averaged;  /* there is an average.safetensors; without a best one they are of it */
  ddla_evaluation test, validation;
  bool tested, validated;
  double train_loss, train_accuracy; /* of the last row of metrics */
  int64_t samples;                   /* of this run, up to that row */
  int64_t checks, bad_checks,
      non_finite; /* of this run: how many, that found something, and what */
  char model_sha256[DDLA_SHA256_TEXT_BYTES], average_sha256[DDLA_SHA256_TEXT_BYTES];
} ddla_run;

/* "directory/name" into path [DDLA_PATH_BYTES]; returns path. */
const char *ddla_run_path(char *path, const char *directory, const char *name);

/* Drops rows of JSON whose "step" is behind the one that a resumed run goes on from: it writes them
 * again. A missing file is fine. Errors: those of files. */
ddla_status ddla_run_trim_rows(const char *path, int64_t step);

/* INVALID unless the directory is that of a run. */
ddla_status ddla_run_check(const char *directory);

/* Makes the run directory. Refuses a directory that holds another run, unless it is to be resumed
 * or output.overwrite is on (old results are removed then), and one in which another training of
 * this machine is under way. The directory is the training's until it is released, also while its
 * agents live that were forked meanwhile. Errors: INVALID saying what to do; those of files. */
ddla_status ddla_run_prepare(ddla_training *training, const char *directory, bool resume);

/* Other trainings may use the run directory again; part of destroying the training. */
void ddla_run_release(ddla_training *training);

/* Writes job.yaml and opens metrics.jsonl; a resumed run goes on with its rows up to start_step.
 * Call when the checkpoint is loaded: a refused one leaves the directory as it is. Errors: those of
 * files. */
ddla_status ddla_run_open(ddla_run *run, const ddla_training *training, const char *directory,
                          ddla_show show, int64_t start_step);
void ddla_run_close(ddla_run *run);

/* After each committed step: the bar. */
void ddla_run_show_step(ddla_run *run, const ddla_worker *worker);

/* At the end of an epoch, or (train.measure_every) on the way: a line, and a row of metrics.jsonl
 * and what is made of it. epoch: so many have ended. */
ddla_status ddla_run_show_epoch(ddla_run *run, const ddla_worker *worker, double epoch);

/* At the end: report.json, report.txt. worker's shared reports are complete. */
ddla_status ddla_run_report(ddla_run *run, const ddla_worker *worker);

#endif
