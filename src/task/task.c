#include "task/task.h"

#include <string.h>

#include "graph/graph.h"
#include "model/model.h"

#define DDLA_TASK(name) extern const ddla_task ddla_task_##name;
#include "task/task_list.h"
#undef DDLA_TASK

static const ddla_task *const table[] = {
#define DDLA_TASK(name) &ddla_task_##name,
#include "task/task_list.h"
#undef DDLA_TASK
};

const ddla_task *const *ddla_task_table(int *count) {
  *count = (int)(sizeof table / sizeof table[0]);
  return table;
}

const ddla_task *ddla_task_find(const ddla_plugins *plugins, const char *name) {
  int count = 0;
  const ddla_task *const *rows = ddla_task_table(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  return ddla_plugins_task(plugins, name);
}

bool ddla_task_is_better(const ddla_task *task, double metric, double than) {
  return task->least_is_best ? metric < than : metric > than;
}

int64_t ddla_task_evaluation_batch(const ddla_task_graph *graph) {
  enum { SAMPLES = 64, ROWS = 4096 };
  const int64_t fitting = ROWS / graph->rows;
  return fitting > SAMPLES ? SAMPLES : fitting < 1 ? 1 : fitting;
}

static ddla_status add_loss(ddla_task_graph *out, const ddla_job *job) {
  ddla_attrs attrs = {0};
  ddla_attrs_set_real(&attrs, "label_smoothing", job->train.label_smoothing);
  const ddla_value input[2] = {out->logits, out->label};
  ddla_value made[2] = {DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(ddla_graph_op(made, out->graph, "cross_entropy", input, 2, &attrs));
  out->loss = made[0];
  out->count = made[1];
  return DDLA_OK;
}

static ddla_status build_model(ddla_task_graph *out, const ddla_job *job,
                               const ddla_model_task *input) {
  const ddla_shape label = ddla_graph_shape(out->graph, out->label);
  const bool by_place = ddla_graph_dtype(out->graph, out->label) == DDLA_I32 && label.rank > 1;
  const ddla_model_task wanted = {.classes = out->classes,
                                  .positions = by_place ? label.dim[1] : 0,
                                  .causal = input->causal,
                                  .vocabulary = input->vocabulary};
  out->rows = by_place ? ddla_shape_count(&label) : 1;
  if (out->own)
    DDLA_TRY(
        out->own->build(&out->logits, out->graph, out->input, out->classes, out->own->argument));
  else DDLA_TRY(ddla_model_build(&out->logits, out->graph, out->input, job, &wanted));
  DDLA_TRY(ddla_model_check_logits(out->graph, out->logits, &wanted));
  out->key = ddla_graph_find(out->graph, "key");
  return DDLA_OK;
}

ddla_status ddla_task_build_classifier(ddla_task_graph *out, const ddla_job *job,
                                       const ddla_model_task *input) {
  DDLA_TRY(build_model(out, job, input));
  return add_loss(out, job);
}

/* A model of tokens looks back only where each place has a label: what it must not see. */
ddla_status ddla_task_build_model(ddla_task_graph *out, const ddla_job *job) {
  if (out->input < 0 || out->label < 0 || out->classes < 1)
    return DDLA_FAIL(INVALID, "ddla_task_build_model: set input, label and classes before it");
  const bool is_text = ddla_graph_dtype(out->graph, out->input) == DDLA_I32;
  const ddla_shape label = ddla_graph_shape(out->graph, out->label);
  return build_model(out, job,
                     &(ddla_model_task){.vocabulary = is_text ? out->classes : 0,
                                        .causal = is_text && label.rank > 1});
}

/* INVALID unless the value is one of the graph, of this format, rank at least 1 or (scalar) one
 * number. */
static ddla_status check_value(const ddla_task_graph *made, ddla_value value, const char *name,
                               ddla_dtype dtype, bool scalar) {
  const ddla_graph *graph = made->graph;
  if (!ddla_graph_has(graph, value))
    return DDLA_FAIL(INVALID, "task %s sets no value %s", made->task->name, name);
  const ddla_shape shape = ddla_graph_shape(graph, value);
  if (ddla_graph_dtype(graph, value) == dtype && (shape.rank == 0) == scalar) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "task %s gives %s as %s %s; expected %s %s", made->task->name, name,
                   ddla_dtype_name(ddla_graph_dtype(graph, value)),
                   ddla_shape_text(text, sizeof text, &shape), ddla_dtype_name(dtype),
                   scalar ? "[]" : "[N, ...]");
}

/* The loop writes as many numbers into input and label as the samples have. */
static ddla_status check_input(const ddla_task_graph *made, ddla_value value, const char *name,
                               int64_t wanted) {
  const ddla_shape shape = ddla_graph_shape(made->graph, value);
  if (ddla_graph_is_input(made->graph, value) && ddla_shape_count(&shape) == wanted) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "task %s gives %s as %s; expected an input of %lld numbers",
                   made->task->name, name, ddla_shape_text(text, sizeof text, &shape),
                   (long long)wanted);
}

static ddla_status check_made(const ddla_task_graph *made, const ddla_task_data *data) {
  const bool is_text = data->type == DDLA_DATA_TOKENS;
  const int64_t numbers = data->shape.height * data->shape.width * data->shape.channels;
  DDLA_TRY(check_value(made, made->input, "input", is_text ? DDLA_I32 : DDLA_F32, false));
  DDLA_TRY(check_value(made, made->label, "label", data->targets ? DDLA_F32 : DDLA_I32, false));
  DDLA_TRY(check_value(made, made->logits, "logits", DDLA_F32, false));
  DDLA_TRY(check_value(made, made->loss, "loss", DDLA_F64, true));
  DDLA_TRY(check_value(made, made->count, "count", DDLA_F64, true));
  if (made->key != DDLA_NO_VALUE) DDLA_TRY(check_value(made, made->key, "key", DDLA_I64, false));
  DDLA_TRY(check_input(made, made->input, "input", numbers));
  DDLA_TRY(check_input(made, made->label, "label",
                       is_text         ? data->shape.height
                       : data->targets ? data->targets
                                       : 1));
  const ddla_shape logits = ddla_graph_shape(made->graph, made->logits);
  if (made->classes >= 1 && made->rows >= 1 &&
      ddla_shape_count(&logits) == made->rows * made->classes)
    return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "task %s gives logits as %s, but %lld rows of %lld classes",
                   made->task->name, ddla_shape_text(text, sizeof text, &logits),
                   (long long)made->rows, (long long)made->classes);
}

static ddla_status name_output(ddla_graph *graph, const char *name, ddla_value value) {
  return ddla_graph_find(graph, name) == value ? DDLA_OK : ddla_graph_output(graph, name, value);
}

static ddla_status build(ddla_task_graph *made, const ddla_task_use *use) {
  DDLA_TRY(ddla_graph_create(&made->graph));
  ddla_graph_set_plugins(made->graph, use->plugins);
  DDLA_TRY(use->task->build(made, use->job, &use->data));
  DDLA_TRY(check_made(made, &use->data));
  DDLA_TRY(name_output(made->graph, "logits", made->logits));
  DDLA_TRY(name_output(made->graph, "loss", made->loss));
  return name_output(made->graph, "count", made->count);
}

ddla_status ddla_task_build(ddla_task_graph *out, const ddla_task_use *use) {
  ddla_task_graph made = {.input = DDLA_NO_VALUE,
                          .label = DDLA_NO_VALUE,
                          .key = DDLA_NO_VALUE,
                          .logits = DDLA_NO_VALUE,
                          .loss = DDLA_NO_VALUE,
                          .count = DDLA_NO_VALUE,
                          .rows = 1,
                          .own = use->own,
                          .task = use->task};
  ddla_status status = build(&made, use);
  if (status == DDLA_OK) *out = made;
  else ddla_graph_destroy(made.graph);
  return status;
}

void ddla_task_graph_fini(ddla_task_graph *graph) {
  ddla_graph_destroy(graph->graph);
  *graph = (ddla_task_graph){.key = DDLA_NO_VALUE};
}
