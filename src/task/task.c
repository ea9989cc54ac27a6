#include "task/task.h"

#include <string.h>

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
