/* The library's tasks: one file and one row of task_list.h each; a row's name has hyphens where its
 * file's has underscores. What a task is stands in ddla/task.h, which is the same for everybody's.
 * The loop (train/) feeds the inputs and reads the outputs. */
#ifndef DDLA_TASK_TASK_H
#define DDLA_TASK_TASK_H

#include <jansson.h>

#include <ddla/task.h>

#include "base/status.h"
#include "data/data.h"
#include "plugin/plugin.h"

struct ddla_model_task;

/* What a graph is built from. Everything is borrowed; the graph keeps rows of plugins. */
typedef struct ddla_task_use {
  const ddla_task *task;
  const ddla_job *job;
  const ddla_own_model *own;   /* builds the model instead of the job's; null: the job's */
  const ddla_plugins *plugins; /* may be null */
  ddla_task_data data;
} ddla_task_use;

/* The table; count in *count. Borrowed for ever. */
const ddla_task *const *ddla_task_table(int *count);

/* Task of the table, else of plugins (may be null), by name; or null. */
const ddla_task *ddla_task_find(const ddla_plugins *plugins, const char *name);

/* Builds the job's model under the task, and checks what the task made. The caller owns *out and
 * releases it with fini. Errors: INVALID naming the job's key or the layer that does not fit, or
 * what a task of somebody else's lacks; NO_MEMORY. */
ddla_status ddla_task_build(ddla_task_graph *out, const ddla_task_use *use);
void ddla_task_graph_fini(ddla_task_graph *graph);

/* What build functions share, once input and label are made: the job's or a program's own model,
 * cross entropy with train.label_smoothing, and the graph's outputs. Of input, vocabulary and
 * causal are read. */
ddla_status ddla_task_build_classifier(ddla_task_graph *out, const ddla_job *job,
                                       const struct ddla_model_task *input);

/* An evaluation as the task reports it. The caller owns *out (json_decref). Errors: those of
 * report. */
ddla_status ddla_task_json(json_t **out, const ddla_task *task, const ddla_task_report *report);

/* For the library's own tasks: all keys of object, which this releases (null: no memory). */
void ddla_task_write_object(ddla_task_writer *writer, json_t *object);

/* Whether a metric is better than another. */
bool ddla_task_is_better(const ddla_task *task, double metric, double than);

/* Samples of a batch in evaluation: the same for every agent and lane, as losses are summed in the
 * order of batches. */
int64_t ddla_task_evaluation_batch(const ddla_task_graph *graph);

#endif
