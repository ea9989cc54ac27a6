/* ddla check: whether a plug-in can be used, and whether the gradients of its ops are right. */
#include <stdio.h>

#include "backend/kernel.h"
#include "cli/command.h"
#include "cli/words.h"
#include "train/plugins.h"

static ddla_status check_ops(const ddla_plugins *plugins) {
  for (int i = 0; i < plugins->op_count; i++) {
    const ddla_op *op = plugins->op[i];
    int cases = 0;
    DDLA_TRY(ddla_op_check(&cases, op));
    printf("op      %s: %s; %d cases%s\n", op->name, op->math, cases,
           op->backward ? ", gradients agree with finite differences" : ", no gradient");
  }
  return DDLA_OK;
}

static ddla_status check(const ddla_plugins *plugins) {
  const ddla_plugin_file *file = &plugins->file[0];
  DDLA_TRY(ddla_train_plugins_check(plugins));
  printf("plug-in %s%s%s\nsha256  %s\n", file->plugin->name, file->plugin->help ? ": " : "",
         file->plugin->help ? file->plugin->help : "", file->sha256);
  for (int i = 0; i < plugins->model_count; i++)
    printf("model   %s: %s\n", plugins->model[i]->name, plugins->model[i]->help);
  for (int i = 0; i < plugins->task_count; i++)
    printf("task    %s: %s\n", plugins->task[i]->name, plugins->task[i]->help);
  for (int i = 0; i < plugins->format_count; i++)
    printf("format  %s: %s\n", plugins->format[i]->name, plugins->format[i]->looks_for);
  return check_ops(plugins);
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  ddla_plugins *plugins = NULL;
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, NULL, 0));
  if (words.other_count != 1 || words.set_count > 0)
    return DDLA_FAIL(INVALID, "ddla check takes one plug-in; `ddla check --help` says more");
  DDLA_TRY(ddla_backend_start());
  DDLA_TRY(ddla_plugins_load_file(&plugins, words.other[0]));
  ddla_status status = check(plugins);
  ddla_plugins_destroy(plugins);
  return status;
}

const ddla_command ddla_command_check = {
    .name = "check",
    .arguments = "PLUGIN.so",
    .summary = "checks a plug-in: that it loads, what it adds, the gradients of its ops",
    .help =
        "  PLUGIN.so          a shared object (task.plugins). Each op runs on its sample cases:\n"
        "                     backward against finite differences of forward, memory that is\n"
        "                     not its own, the same bits elsewhere in memory\n",
    .run = run};
