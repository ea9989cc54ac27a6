#include "task/task.h"

#include <string.h>

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

const ddla_task *ddla_task_find(const char *name) {
  int count = 0;
  const ddla_task *const *rows = ddla_task_table(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  return NULL;
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
  DDLA_TRY(ddla_graph_output(out->graph, "logits", out->logits));
  DDLA_TRY(ddla_graph_output(out->graph, "loss", out->loss));
  return ddla_graph_output(out->graph, "count", out->count);
}

ddla_status ddla_task_build_classifier(ddla_task_graph *out, const ddla_job *job,
                                       const ddla_model_task *input) {
  const ddla_shape label = ddla_graph_shape(out->graph, out->label);
  const ddla_model_task wanted = {.classes = out->classes,
                                  .positions = label.rank > 1 ? label.dim[1] : 0,
                                  .causal = input->causal,
                                  .vocabulary = input->vocabulary};
  out->rows = ddla_shape_count(&label);
  if (out->own)
    DDLA_TRY(
        out->own->build(&out->logits, out->graph, out->input, out->classes, out->own->argument));
  else DDLA_TRY(ddla_model_build(&out->logits, out->graph, out->input, job, &wanted));
  DDLA_TRY(ddla_model_check_logits(out->graph, out->logits, &wanted));
  out->key = ddla_graph_find(out->graph, "key");
  return add_loss(out, job);
}

ddla_status ddla_task_build(ddla_task_graph *out, const ddla_task *task, const ddla_job *job,
                            const ddla_own_model *own, ddla_data_shape shape, int64_t classes) {
  ddla_task_graph made = {.key = DDLA_NO_VALUE, .own = own};
  DDLA_TRY(ddla_graph_create(&made.graph));
  ddla_status status = task->build(&made, job, shape, classes);
  if (status == DDLA_OK) *out = made;
  else ddla_graph_destroy(made.graph);
  return status;
}

void ddla_task_graph_fini(ddla_task_graph *graph) {
  ddla_graph_destroy(graph->graph);
  *graph = (ddla_task_graph){.key = DDLA_NO_VALUE};
}
