#include "train/plugins.h"

#include <string.h>

#include "data/data.h"
#include "model/model.h"
#include "op/op.h"
#include "task/task.h"

static ddla_status refuse(const char *what, const char *name) {
  return DDLA_FAIL(INVALID,
                   "a plug-in has the %s %s, but ddla has one of this name; choose another name",
                   what, name);
}

static bool is_format(const char *name) {
  const char *looks_for = NULL;
  for (int i = 0; ddla_dataset_format(&looks_for, i); i++)
    if (strcmp(ddla_dataset_format(&looks_for, i), name) == 0) return true;
  return strcmp(name, "auto") == 0;
}

ddla_status ddla_train_plugins_check(const ddla_plugins *plugins) {
  for (int i = 0; i < plugins->op_count; i++) DDLA_TRY(ddla_op_check_row(plugins->op[i]));
  for (int i = 0; i < plugins->model_count; i++)
    if (ddla_model_find(plugins->model[i]->name)) return refuse("model", plugins->model[i]->name);
  for (int i = 0; i < plugins->task_count; i++)
    if (ddla_task_find(NULL, plugins->task[i]->name)) return refuse("task", plugins->task[i]->name);
  for (int i = 0; i < plugins->format_count; i++)
    if (is_format(plugins->format[i]->name)) return refuse("format", plugins->format[i]->name);
  return DDLA_OK;
}

ddla_status ddla_train_plugins(ddla_plugins **out, const ddla_job *job, const ddla_plugin *own) {
  ddla_plugins *loaded = NULL;
  DDLA_TRY(ddla_plugins_load(&loaded, job, own));
  ddla_status status = ddla_train_plugins_check(loaded);
  if (status == DDLA_OK) {
    *out = loaded;
    return DDLA_OK;
  }
  ddla_plugins_destroy(loaded);
  if (status != DDLA_INVALID) return status;
  char words[DDLA_STATUS_TEXT_BYTES];
  snprintf(words, sizeof words, "%s", ddla_status_message(status));
  return ddla_job_refuse(job, "task.plugins", "cannot be used: %s", words);
}
