/* Tasks: what a model is trained to do. A task makes the graph that is trained: inputs, the job's
 * model, the loss, and what is measured. One file and one row of task_list.h each; a row's name has
 * hyphens where its file's has underscores. The loop (train/) feeds the inputs and reads the
 * outputs. */
#ifndef DDLA_TASK_TASK_H
#define DDLA_TASK_TASK_H

#include <stdio.h>

#include <jansson.h>

#include <ddla/graph.h>
#include <ddla/job.h>

#include "base/status.h"
#include "data/data.h"

struct ddla_model_task;

/* A built graph and its values by the names that they have in it. */
typedef struct ddla_task_graph {
  ddla_graph *graph; /* owned */
  ddla_value input;  /* f32 [N, H, W, C]: samples after standardising; or i32 [N, S]: tokens */
  ddla_value label;  /* i32 [N], or [N, S], one for each place: 0 to classes - 1, or a negative
                        number  where there is none */
  ddla_value key;    /* i64 [N]: random key of each sample; DDLA_NO_VALUE where nothing is random */
  ddla_value logits; /* f32 [N, classes] or [N, S, classes] */
  ddla_value loss;   /* f64 []: sum over the labels */
  ddla_value count;  /* f64 []: labels that the sum is over */
  int64_t classes;
  int64_t rows;              /* labels, and rows of logits, for each sample */
  const ddla_own_model *own; /* builds the model instead of the job's; null: the job's */
} ddla_task_graph;

/* What a model did on a data set. */
typedef struct ddla_evaluation {
  double loss, accuracy; /* loss: mean cross entropy in nats for each label */
  int64_t count;         /* labels */
  int64_t *counts;       /* task/metrics.h; owned by whoever evaluated, until its next evaluation */
} ddla_evaluation;

/* An evaluation to be told: of a part of the data ("test"), by which model ("best", "last", or
 * null), with names of the classes [classes]. Everything is borrowed. */
typedef struct ddla_task_report {
  const char *part, *model;
  const ddla_evaluation *found;
  int64_t classes;
  const char *const *names;
} ddla_task_report;

typedef struct ddla_task {
  const char *name, *help;
  const char *format; /* of data, where the job does not say; null: judged by their content */
  const char *unit;   /* what labels belong to: "samples", "characters" */
  const char *metric; /* what chooses the best model: "accuracy", or "loss" */
  bool least_is_best; /* of the metric */
  double (*measure)(const ddla_evaluation *found); /* the metric */
  /* Builds into out->graph, which is empty, and sets the values and classes. Errors: INVALID,
   * NO_MEMORY. */
  ddla_status (*build)(ddla_task_graph *out, const ddla_job *job, ddla_data_shape shape,
                       int64_t classes);
  /* For people. */
  void (*print)(FILE *file, const ddla_task_report *report);
  /* The same as JSON, owned by the caller. Errors: NO_MEMORY, INVALID for names that are not
   * UTF-8. */
  ddla_status (*json)(json_t **out, const ddla_task_report *report);
} ddla_task;

/* The table; count in *count. Borrowed for ever. */
const ddla_task *const *ddla_task_table(int *count);

/* Task by name ("image-classification"), or null. */
const ddla_task *ddla_task_find(const char *name);

/* Builds the job's model for samples of this shape under the task. The caller owns *out and
 * releases it with fini. Errors: INVALID naming the job's key or the layer that does not fit,
 * NO_MEMORY. */
ddla_status ddla_task_build(ddla_task_graph *out, const ddla_task *task, const ddla_job *job,
                            const ddla_own_model *own, ddla_data_shape shape, int64_t classes);
void ddla_task_graph_fini(ddla_task_graph *graph);

/* What build functions share, once input and label are made: the job's or a program's own model,
 * cross entropy with train.label_smoothing, and the graph's outputs. Of input, vocabulary and
 * causal are read. */
ddla_status ddla_task_build_classifier(ddla_task_graph *out, const ddla_job *job,
                                       const struct ddla_model_task *input);

/* Whether a metric is better than another. */
bool ddla_task_is_better(const ddla_task *task, double metric, double than);

/* Samples of a batch in evaluation: the same for every agent and lane, as losses are summed in the
 * order of batches. */
int64_t ddla_task_evaluation_batch(const ddla_task_graph *graph);

#endif
