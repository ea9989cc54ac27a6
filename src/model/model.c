#include "model/model.h"

#include <inttypes.h>
#include <string.h>

#include "graph/graph.h"

#define DDLA_MODEL(name) extern const ddla_model ddla_model_##name;
#include "model/model_list.h"
#undef DDLA_MODEL

static const ddla_model *const table[] = {
#define DDLA_MODEL(name) &ddla_model_##name,
#include "model/model_list.h"
#undef DDLA_MODEL
};
enum { MODELS = sizeof table / sizeof table[0], BROUGHT_MAX = 64 };

const ddla_model *const *ddla_model_table(int *count) {
  *count = MODELS;
  return table;
}

const ddla_model *ddla_model_find(const char *name) {
  for (int i = 0; i < MODELS; i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}

ddla_status ddla_model_check_logits(const ddla_graph *graph, ddla_value logits,
                                    const ddla_model_task *task) {
  const int64_t classes = task->classes;
  const ddla_shape got = ddla_graph_shape(graph, logits);
  const ddla_shape wanted =
      task->positions > 0 ? DDLA_SHAPE(1, task->positions, classes) : DDLA_SHAPE(1, classes);
  if (ddla_shape_equal(&got, &wanted)) return DDLA_OK;
  char text[2][96];
  return DDLA_FAIL(INVALID,
                   "the model gives %s, but %" PRId64
                   " classes need %s; end it with a linear layer of %" PRId64 " features",
                   ddla_shape_text(text[0], sizeof text[0], &got), classes,
                   ddla_shape_text(text[1], sizeof text[1], &wanted), classes);
}

/* Whether a row of numbers comes out of this op as a row of the same length, with nothing but it.
 */
static bool is_activation(const ddla_op *op) {
  if (op->input_min != 1 || op->input_max != 1 || !op->backward) return false;
  ddla_op_call call = {.op = op, .input_count = 1, .present = {true}};
  call.input[0] = (ddla_tensor){.dtype = DDLA_F32, .shape = DDLA_SHAPE(1, 3)};
  return ddla_op_infer(&call) == DDLA_OK &&
         ddla_shape_equal(&call.output[0].shape, &call.input[0].shape);
}

static ddla_status check_activation(const ddla_job *job, const ddla_plugins *plugins) {
  enum { NAMES_MAX = 64 };
  const char *names[NAMES_MAX];
  int ops = 0, count = 0, chosen = 0;
  const ddla_op *const *table_of_ops = ddla_op_table(&ops);
  for (int i = 0; i < ops && count < NAMES_MAX; i++)
    if (is_activation(table_of_ops[i])) names[count++] = table_of_ops[i]->name;
  for (int i = 0; plugins && i < plugins->op_count && count < NAMES_MAX; i++)
    if (is_activation(plugins->op[i])) names[count++] = plugins->op[i]->name;
  return ddla_job_choose(&chosen, job, "model.activation", names, count);
}

static ddla_status build_row(ddla_value *logits, const ddla_model *row, ddla_graph *graph,
                             ddla_value input, const ddla_model_options *options) {
  ddla_value value = DDLA_NO_VALUE;
  DDLA_TRY(row->build(&value, graph, input, options));
  DDLA_TRY(ddla_model_check_logits(graph, value, &options->task));
  *logits = value;
  return DDLA_OK;
}

/* The job's row: below MODELS one of the table, else one of the plug-ins' models. */
static ddla_status choose_row(int *out, const ddla_job *job, const ddla_plugins *plugins) {
  const char *names[MODELS + BROUGHT_MAX];
  int count = 0;
  for (; count < MODELS; count++) names[count] = table[count]->name;
  for (int i = 0; plugins && i < plugins->model_count && i < BROUGHT_MAX; i++)
    names[count++] = plugins->model[i]->name;
  return ddla_job_choose(out, job, "model.kind", names, count);
}

/* What a model of a plug-in is built for. */
typedef struct named_use {
  const ddla_job *job;
  const ddla_model_task *task;
} named_use;

static ddla_status build_named(ddla_value *logits, const ddla_named_model *row, ddla_graph *graph,
                               ddla_value input, const named_use *use) {
  ddla_value value = DDLA_NO_VALUE;
  ddla_status status = row->build(&value, graph, input, use->task->classes, use->job);
  if (status == DDLA_OK && !ddla_graph_has(graph, value))
    status = DDLA_FAIL(INVALID, "gives no value of the graph");
  if (status == DDLA_OK) status = ddla_model_check_logits(graph, value, use->task);
  if (status != DDLA_OK) return ddla_status_prefix(status, "model %s: ", row->name);
  *logits = value;
  return DDLA_OK;
}

ddla_status ddla_model_build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                             const ddla_job *job, const ddla_model_task *task) {
  const ddla_plugins *plugins = graph->plugins;
  int row = 0;
  DDLA_TRY(choose_row(&row, job, plugins));
  DDLA_TRY(check_activation(job, plugins));
  if (row >= MODELS)
    return build_named(logits, plugins->model[row - MODELS], graph, input,
                       &(named_use){.job = job, .task = task});
  const ddla_model_options options = {.task = *task,
                                      .hidden = job->model.hidden.at,
                                      .hidden_count = job->model.hidden.count,
                                      .activation = job->model.activation,
                                      .dropout = job->model.dropout,
                                      .layers = job->model.layers,
                                      .blocks = job->model.blocks,
                                      .depth = job->model.depth,
                                      .width = job->model.width > 0 ? job->model.width
                                                                    : table[row]->width,
                                      .block = job->model.block,
                                      .heads = job->model.heads,
                                      .window = job->model.window,
                                      .patch = job->model.patch,
                                      .token_width = job->model.token_width,
                                      .channel_width = job->model.channel_width,
                                      .rotary = strcmp(job->model.positions, "rotary") == 0,
                                      .tied = job->model.tied,
                                      .sparse = job->model.sparse};
  ddla_status status = build_row(logits, table[row], graph, input, &options);
  if (status == DDLA_OK || options.layers) return status; /* a list names places in the file */
  return ddla_status_prefix(status, "model %s: ", table[row]->name);
}
