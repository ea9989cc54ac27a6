/* Tasks: what a model is trained to do. A task makes the graph that is trained: inputs, the job's
 * model, the loss, and what is measured. One file and one row of task_list.h each; a row's name has
 * hyphens where its file's has underscores. The loop (train/) feeds the inputs and reads the
 * outputs. */
#ifndef DDLA_TASK_TASK_H
#define DDLA_TASK_TASK_H

#include <ddla/graph.h>
#include <ddla/job.h>

#include "base/status.h"
#include "data/data.h"

/* A built graph and its values by the names that they have in it. */
typedef struct ddla_task_graph {
  ddla_graph *graph; /* owned */
  ddla_value image;  /* f32 [N, H, W, C]: samples after standardising */
  ddla_value label; /* i32 [N]: 0 to classes - 1, or a negative number for a sample without label */
  ddla_value key;   /* i64 [N]: random key of each sample; DDLA_NO_VALUE where nothing is random */
  ddla_value logits; /* f32 [N, classes] */
  ddla_value loss;   /* f64 []: sum over the samples */
  ddla_value count;  /* f64 []: samples that the sum is over */
  int64_t classes;
  const ddla_own_model *own; /* builds the model instead of the job's; null: the job's */
} ddla_task_graph;

typedef struct ddla_task {
  const char *name, *help;
  const char *metric; /* what is maximised: "accuracy" */
  /* Builds into out->graph, which is empty, and sets the values and classes. Errors: INVALID,
   * NO_MEMORY. */
  ddla_status (*build)(ddla_task_graph *out, const ddla_job *job, ddla_data_shape shape,
                       int64_t classes);
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

#endif
