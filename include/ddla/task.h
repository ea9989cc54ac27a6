/* Tasks of one's own: what a model is trained to do. A task makes the graph that is trained:
 * inputs, a model, the loss, and says what is measured. The library's own are made the same way;
 * others come through a plug-in (ddla/plugin.h) and are named in the job by task.kind.
 *
 * The training loop feeds input, label and key of each micro-batch, sums the gradients of the loss
 * over all samples of a batch and divides once by the count: so a loss is a SUM over samples, and a
 * sample's loss depends on the sample alone. Then any number of agents gives the same bits.
 * Threads: build is called by one thread before the agents exist; add by several at once, each with
 * sums of its own; measure, print and report by one. */
#ifndef DDLA_TASK_H
#define DDLA_TASK_H

#include <stdio.h>

#include <ddla/data.h>
#include <ddla/graph.h>
#include <ddla/job.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DDLA_TASK_SUMS_MAX = 8 };

struct ddla_task;

/* What the data are that a graph is built for. */
typedef struct ddla_task_data {
  ddla_data_shape shape; /* of a sample */
  ddla_data_type type;
  int64_t classes; /* of labels, or different tokens of a text; 0: there are none */
  int64_t targets; /* numbers that each sample has as its target; 0: there are none */
} ddla_task_data;

/* A built graph and its values by the names that they have in it. */
typedef struct ddla_task_graph {
  ddla_graph *graph; /* made before build; the library's */
  ddla_value input;  /* f32 [N, H, W, C]: samples after standardising; or i32 [N, S]: tokens */
  /* i32 [N], or [N, S], one for each place: 0 to classes - 1, or a negative number where there is
   * none; f32 [N, targets] where the samples have targets */
  ddla_value label;
  ddla_value key;    /* i64 [N]: random key of each sample; DDLA_NO_VALUE where nothing is random */
  ddla_value logits; /* what the model gives, f32: [N, classes] or [N, S, classes] */
  ddla_value loss;   /* f64 []: sum over the labels */
  ddla_value count;  /* f64 []: labels that the sum is over */
  int64_t classes;   /* numbers in a row of logits */
  int64_t rows;      /* labels, and rows of logits, for each sample [1] */
  const ddla_own_model *own;    /* builds the model instead of the job's; null: the job's */
  const struct ddla_task *task; /* set by the library */
} ddla_task_graph;

/* A batch of an evaluation after the forward pass. */
typedef struct ddla_task_batch {
  ddla_tensor input, label, logits; /* dimension 0: samples */
} ddla_task_batch;

/* What a model did on a data set. */
typedef struct ddla_evaluation {
  double loss;     /* mean over count */
  double accuracy; /* share of the labels that have the largest logit; 0 where a task adds sums */
  int64_t count;   /* labels */
  const int64_t *counts; /* of a classifier: how often which class was taken for which; borrowed */
  double sums[DDLA_TASK_SUMS_MAX]; /* what add added up, over all samples */
} ddla_evaluation;

/* An evaluation to be told: of a part of the data ("test"), by which model ("best", "last", or
 * null), with names of the classes [classes]. Everything is borrowed. */
typedef struct ddla_task_report {
  const char *part, *model;
  const ddla_evaluation *found;
  int64_t classes;
  const char *const *names;
} ddla_task_report;

/* A report that is being written as JSON: one object, its keys in order. */
typedef struct ddla_task_writer ddla_task_writer;

/* Adds a key; a number that is not finite becomes null. Text is UTF-8; what is not gives the whole
 * report the status INVALID. */
DDLA_API void ddla_task_write_real(ddla_task_writer *writer, const char *key, double value);
DDLA_API void ddla_task_write_whole(ddla_task_writer *writer, const char *key, int64_t value);
DDLA_API void ddla_task_write_text(ddla_task_writer *writer, const char *key, const char *value);

/* What a task is. Read-only; it lasts as long as a training under it. */
typedef struct ddla_task {
  const char *name, *help; /* a name is letters, digits, '-' and '_' */
  const char *format;      /* of data, where the job does not say; null: judged by their content */
  const char *unit;        /* what labels belong to: "samples", "characters" */
  const char *metric;      /* what chooses the best model: "accuracy", "error" */
  bool least_is_best;      /* of the metric */
  bool of_targets;         /* samples must have targets; else labels, or be those of a text */
  /* The metric of an evaluation. */
  double (*measure)(const ddla_evaluation *found);
  /* Builds into out->graph, which is empty, and sets the values, classes and rows. The outputs
   * "logits", "loss" and "count" are named by the library where build does not. Errors: INVALID
   * naming what the data lack, NO_MEMORY. */
  ddla_status (*build)(ddla_task_graph *out, const ddla_job *job, const ddla_task_data *data);
  /* Adds to sums [sum_count] what a batch of an evaluation shows. Batches are the same for any
   * number of agents, and their sums are added up in a fixed order. Null: the model is a
   * classifier, its labels are counted and its loss in evaluations is the cross entropy of logits.
   * Else the loss is the graph's. */
  void (*add)(double *sums, const ddla_task_batch *batch);
  int sum_count; /* 0 to DDLA_TASK_SUMS_MAX */
  /* For people. */
  void (*print)(FILE *file, const ddla_task_report *report);
  /* For report.json and --json: the same numbers. Errors: INVALID, NO_MEMORY. */
  ddla_status (*report)(ddla_task_writer *writer, const ddla_task_report *report);
} ddla_task;

/* For build: the job's model, or a program's own, from out->input to out->logits with out->classes
 * numbers in a row (for each place of a label [1, S]); sets rows and key. Both inputs and classes
 * are set before. Errors: INVALID naming the job's key or the layer that does not fit, NO_MEMORY.
 */
DDLA_API DDLA_MUST_USE ddla_status ddla_task_build_model(ddla_task_graph *out, const ddla_job *job);

#ifdef __cplusplus
}
#endif
#endif
