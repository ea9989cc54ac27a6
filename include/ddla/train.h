/* Training from a program of one's own. The library forks nothing, prints nothing, installs no
 * signal handlers and aborts nothing: agents are threads of the calling process. */
#ifndef DDLA_TRAIN_H
#define DDLA_TRAIN_H

#include <ddla/graph.h>
#include <ddla/job.h>
#include <ddla/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A committed step, as seen by agent 0. */
typedef struct ddla_train_step {
  int64_t step, total_steps; /* committed steps, and how many the job has */
  double loss;               /* mean over the step's samples */
  double learning_rate;
} ddla_train_step;

/* Zero means default. */
typedef struct ddla_train_options {
  const char *directory;     /* run directory for results and checkpoints; required */
  bool resume;               /* go on from its newest checkpoint */
  const ddla_own_model *own; /* builds the model instead of the job's model.kind; borrowed */
  /* Rows that the program has besides those of task.plugins, without a file; borrowed. Only this
   * program can use such a run's model again. */
  const ddla_plugin *plugin;
  /* Called after each step on a thread of agent 0. False: stop cleanly after the step under way.
   * May be null. */
  bool (*on_step)(void *argument, const ddla_train_step *step);
  void *on_step_argument;
} ddla_train_options;

/* What came out; zero where nothing did. */
typedef struct ddla_train_result {
  int64_t steps;
  bool stopped;         /* before the end, because on_step said so */
  bool tested;          /* the job has test samples */
  double test_accuracy; /* of the best model where one is kept, else of the last */
  double test_loss;   /* nats per sample; of a task of one's own, its loss for each of its count */
  double test_metric; /* what the task measures; for a classifier test_accuracy */
  double seconds;
  char model_sha256[65]; /* of the run directory's model.safetensors */
} ddla_train_result;

/* Runs the job with parallel.agents agents. One call at a time in a process. Blocks until done; the
 * caller's thread may differ from call to call. Errors: INVALID for a job that cannot work, naming
 * key and value; those of data and files; NON_FINITE; NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_train(ddla_train_result *out, const ddla_job *job,
                                              const ddla_train_options *options);

#ifdef __cplusplus
}
#endif
#endif
