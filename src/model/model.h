/* Named models: functions from samples to logits, built as a graph. One file and one row of
 * model_list.h each. */
#ifndef DDLA_MODEL_MODEL_H
#define DDLA_MODEL_MODEL_H

#include <stdio.h>

#include <ddla/graph.h>
#include <ddla/job.h>

#include "base/status.h"

enum { DDLA_MODEL_HIDDEN_MAX = DDLA_JOB_ITEMS_MAX };

/* What a task wants of a model. */
typedef struct ddla_model_task {
  int64_t classes; /* numbers in a row of logits, above 0 */
  int64_t
      positions; /* rows of logits for each sample, one for each place of it; 0: one row in all */
  bool causal;   /* a place must not see what is behind it: the answer */
  int64_t vocabulary; /* the input is whole numbers below this; 0: it is real numbers */
} ddla_model_task;

/* Options of all models; each reads its own. */
typedef struct ddla_model_options {
  ddla_model_task task;
  const int64_t *hidden; /* mlp: widths of the hidden layers */
  int hidden_count;
  const char *activation;                    /* cnn, mlp: an op such as "relu"; null means relu */
  double dropout;                            /* cnn, mlp: 0 (no such layer) to below 1 */
  const struct ddla_yaml *layers;            /* layers: the list of the job file */
  int64_t depth;                             /* resnet: layers */
  const char *block;                         /* resnet: "basic", "bottleneck"; null: by depth */
  int64_t width;                             /* resnet: channels of the first stage */
  int64_t blocks, heads, window;             /* transformers; mlp-mixer: blocks */
  int64_t patch, token_width, channel_width; /* mlp-mixer */
  bool rotary;                               /* transformers: else a learned table of positions */
  bool tied;                                 /* transformer-decoder: logits by the token table */
  bool sparse; /* transformers: the token table's gradient is kept by row */
} ddla_model_options;

typedef struct ddla_model {
  const char *name, *help;
  int64_t width; /* where model.width is 0; 0: the model's own choice */
  /* input [1, H, W, C], [1, F] or tokens i32 [1, S] -> logits [1, classes] or [1, positions,
   * classes]. Errors: INVALID naming the layer and the shapes, NO_MEMORY. */
  ddla_status (*build)(ddla_value *logits, ddla_graph *graph, ddla_value input,
                       const ddla_model_options *options);
} ddla_model;

/* The table; count in *count. Borrowed for ever. */
const ddla_model *const *ddla_model_table(int *count);

/* Model by name ("cnn", "mlp", "layers"), or null. */
const ddla_model *ddla_model_find(const char *name);

/* Builds the job's model (model.kind and its options) and checks the shape of what it gives.
 * Errors: INVALID naming the job's key, NO_MEMORY. */
ddla_status ddla_model_build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                             const ddla_job *job, const ddla_model_task *task);

/* INVALID unless logits has the shape that the task wants. */
ddla_status ddla_model_check_logits(const ddla_graph *graph, ddla_value logits,
                                    const ddla_model_task *task);

#endif
