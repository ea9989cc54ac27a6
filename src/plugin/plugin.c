#include "plugin/plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "plugin/object.h"

static const char again[] = "compile it again with the headers of this program";

static ddla_status check_version(const ddla_plugin *plugin) {
  static const ddla_plugin mine = {DDLA_PLUGIN_HEAD};
  static const char *const words[DDLA_PLUGIN_SIZES] = {
      "ddla_plugin", "ddla_op",         "ddla_op_call",     "ddla_named_model",
      "ddla_task",   "ddla_task_graph", "ddla_data_format", "ddla_job"};
  if (plugin->abi != mine.abi)
    return DDLA_FAIL(INVALID, "was built for version %u of the plug-in interface, not %u; %s",
                     (unsigned)plugin->abi, (unsigned)mine.abi, again);
  for (int i = 0; i < DDLA_PLUGIN_SIZES; i++)
    if (plugin->sizes[i] != mine.sizes[i])
      return DDLA_FAIL(INVALID, "was built for another version: its %s has %u bytes, not %u; %s",
                       words[i], (unsigned)plugin->sizes[i], (unsigned)mine.sizes[i], again);
  return DDLA_OK;
}

/* dlerror's words begin with the path, which the caller names. */
static const char *loader_words(const char *path) {
  const char *words = dlerror();
  const size_t length = strlen(path);
  if (!words) return "unknown reason";
  return strncmp(words, path, length) == 0 && strncmp(words + length, ": ", 2) == 0
             ? words + length + 2
             : words;
}

static ddla_status open_object(void **out, const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle) {
    *out = handle;
    return DDLA_OK;
  }
  const char *words = loader_words(path);
  if (strstr(words, "undefined symbol"))
    return DDLA_FAIL(INVALID,
                     "cannot be loaded: %s; it needs what this program does not have (a "
                     "library that it is not linked with, or a newer ddla)",
                     words);
  return DDLA_FAIL(INVALID, "cannot be loaded: %s", words);
}

static ddla_status find_entry(ddla_plugin_file *file) {
  file->plugin = dlsym(file->handle, DDLA_PLUGIN_ENTRY);
  if (!file->plugin)
    return DDLA_FAIL(INVALID,
                     "is a shared object without the entry %s; it must say "
                     "DDLA_PLUGIN(...), see ddla/plugin.h",
                     DDLA_PLUGIN_ENTRY);
  return check_version(file->plugin);
}

/* In place, so that what was opened is closed also after a failure. */
static ddla_status load_file(ddla_plugins *plugins, const char *path) {
  ddla_plugin_file *file = &plugins->file[plugins->count++];
  DDLA_TRY(ddla_alloc_text(&file->path, path));
  for (int i = 0; i + 1 < plugins->count; i++)
    if (strcmp(plugins->file[i].path, path) == 0) return DDLA_FAIL(INVALID, "is named twice");
  DDLA_TRY(ddla_object_check(path));
  DDLA_TRY(ddla_sha256_of_file(file->sha256, path));
  DDLA_TRY(open_object(&file->handle, path));
  return find_entry(file);
}

static ddla_status check_row(const char *what, const char *name, const char *help, bool whole) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  enum { NAME_MAX_BYTES = 40 };
  if (!name || !*name || strspn(name, letters) != strlen(name) || strlen(name) > NAME_MAX_BYTES)
    return DDLA_FAIL(INVALID, "names its %s %s; expected at most %d letters, digits, '-' and '_'",
                     what, ddla_text_quote(name ? name : "").text, NAME_MAX_BYTES);
  if (!help || !whole)
    return DDLA_FAIL(INVALID, "has the %s %s, which lacks %s; see the headers", what, name,
                     help ? "one of its functions" : "a line of help");
  return DDLA_OK;
}

static ddla_status refuse_twice(const char *what, const char *name) {
  return DDLA_FAIL(INVALID, "has the %s %s, a name that another plug-in or row has already", what,
                   name);
}

/* add_ops, add_models, …: appends the rows of a plug-in's list to the list of all, once each. */
#define ADD_ROWS(list, type, field, words, complete)                                               \
  static ddla_status add_##list(ddla_plugins *all, const ddla_plugin *plugin) {                    \
    for (const type *const *row = plugin->list; row && *row; row++) {                              \
      DDLA_TRY(check_row(#field, (*row)->name, words, complete));                                  \
      if (ddla_plugins_##field(all, (*row)->name)) return refuse_twice(#field, (*row)->name);      \
      all->field[all->field##_count++] = *row;                                                     \
    }                                                                                              \
    return DDLA_OK;                                                                                \
  }                                                                                                \
  static int count_##list(const ddla_plugin *plugin) {                                             \
    int count = 0;                                                                                 \
    while (plugin->list && plugin->list[count]) count++;                                           \
    return count;                                                                                  \
  }

#define FIND_ROW(field, type)                                                                      \
  const type *ddla_plugins_##field(const ddla_plugins *plugins, const char *name) {                \
    for (int i = 0; plugins && i < plugins->field##_count; i++)                                    \
      if (strcmp(plugins->field[i]->name, name) == 0) return plugins->field[i];                    \
    return NULL;                                                                                   \
  }

FIND_ROW(op, ddla_op)
FIND_ROW(model, ddla_named_model)
FIND_ROW(task, ddla_task)
FIND_ROW(format, ddla_data_format)

static bool is_whole_task(const ddla_task *task) {
  return task->build && task->print && task->report && task->measure && task->metric &&
         task->unit && task->sum_count >= 0 && task->sum_count <= DDLA_TASK_SUMS_MAX &&
         (task->add || task->sum_count == 0);
}

ADD_ROWS(ops, ddla_op, op, (*row)->math, (*row)->infer && (*row)->forward && (*row)->inputs)
ADD_ROWS(models, ddla_named_model, model, (*row)->help, (*row)->build != NULL)
ADD_ROWS(tasks, ddla_task, task, (*row)->help, is_whole_task(*row))
ADD_ROWS(formats, ddla_data_format, format, (*row)->looks_for, (*row)->read != NULL)

static ddla_status make_room(ddla_plugins *all) {
  int ops = 0, models = 0, tasks = 0, formats = 0;
  for (int i = 0; i < all->count; i++) {
    ops += count_ops(all->file[i].plugin);
    models += count_models(all->file[i].plugin);
    tasks += count_tasks(all->file[i].plugin);
    formats += count_formats(all->file[i].plugin);
  }
  DDLA_TRY(DDLA_NEW(all->op, ops));
  DDLA_TRY(DDLA_NEW(all->model, models));
  DDLA_TRY(DDLA_NEW(all->task, tasks));
  return DDLA_NEW(all->format, formats);
}

static ddla_status add_rows(ddla_plugins *all, const ddla_plugin *plugin) {
  if (!plugin->name || !*plugin->name) return DDLA_FAIL(INVALID, "has no name");
  DDLA_TRY(add_ops(all, plugin));
  DDLA_TRY(add_models(all, plugin));
  DDLA_TRY(add_tasks(all, plugin));
  return add_formats(all, plugin);
}

/* Words about a plug-in get its path and its place in the job before them. */
static ddla_status place(ddla_status status, const ddla_job *job, const ddla_plugin_file *file) {
  char words[DDLA_STATUS_TEXT_BYTES];
  if (status != DDLA_INVALID) return status;
  snprintf(words, sizeof words, "%s", ddla_status_message(status));
  if (!file->path) return DDLA_FAIL(INVALID, "the program's own plug-in %s", words);
  if (!job) return DDLA_FAIL(INVALID, "%s %s", file->path, words);
  return ddla_job_refuse(job, "task.plugins", "names %s, which %s", file->path, words);
}

static ddla_status load(ddla_plugins *all, const ddla_job *job, const ddla_plugin *own,
                        const ddla_job_paths *paths) {
  for (int i = 0; i < paths->count; i++) {
    ddla_status status = load_file(all, paths->at[i]);
    if (status != DDLA_OK) return place(status, job, &all->file[i]);
  }
  if (own) {
    all->file[all->count].plugin = own;
    ddla_status status = check_version(own);
    if (status != DDLA_OK) return place(status, job, &all->file[all->count]);
    all->count++;
  }
  DDLA_TRY(make_room(all));
  for (int i = 0; i < all->count; i++) {
    ddla_status status = add_rows(all, all->file[i].plugin);
    if (status != DDLA_OK) return place(status, job, &all->file[i]);
  }
  return DDLA_OK;
}

static ddla_status create(ddla_plugins **out, const ddla_job *job, const ddla_plugin *own,
                          const ddla_job_paths *paths) {
  ddla_plugins *all = NULL;
  DDLA_TRY(DDLA_NEW(all, 1));
  ddla_status status = load(all, job, own, paths);
  if (status == DDLA_OK) *out = all;
  else ddla_plugins_destroy(all);
  return status;
}

ddla_status ddla_plugins_load(ddla_plugins **out, const ddla_job *job, const ddla_plugin *own) {
  return create(out, job, own, &job->task.plugins);
}

ddla_status ddla_plugins_load_file(ddla_plugins **out, const char *path) {
  ddla_job_paths paths = {.count = 1};
  char text[PATH_MAX];
  /* the loader looks for a bare name elsewhere */
  int length = snprintf(text, sizeof text, "%s%s", strchr(path, '/') ? "" : "./", path);
  if (length < 0 || (size_t)length >= sizeof text)
    return DDLA_FAIL(INVALID, "the path of the plug-in is longer than %d bytes", PATH_MAX);
  paths.at[0] = text;
  return create(out, NULL, NULL, &paths);
}

void ddla_plugins_destroy(ddla_plugins *plugins) {
  if (!plugins) return;
  ddla_free(plugins->op);
  ddla_free(plugins->model);
  ddla_free(plugins->task);
  ddla_free(plugins->format);
  for (int i = plugins->count - 1; i >= 0; i--) {
    if (plugins->file[i].handle) dlclose(plugins->file[i].handle);
    ddla_free(plugins->file[i].path);
  }
  ddla_free(plugins);
}

void ddla_plugins_digest(char out[DDLA_SHA256_TEXT_BYTES], const ddla_plugins *plugins) {
  ddla_sha256 sha256;
  bool any = false;
  ddla_sha256_init(&sha256);
  for (int i = 0; plugins && i < plugins->count; i++) {
    if (!plugins->file[i].path) continue;
    ddla_sha256_add(&sha256, plugins->file[i].sha256, strlen(plugins->file[i].sha256));
    any = true;
  }
  out[0] = '\0';
  if (any) ddla_sha256_finish(out, &sha256);
}
