/* ddla info: what there is to choose from, a model's layers, a run's report. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/topics.h"
#include "cli/words.h"
#include "model/summary.h"
#include "train/plugins.h"
#include "train/run/run.h"
#include "train/save/description.h"

static bool is_directory(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* What a row has besides name and help, a line each. */
static void print_rest(json_t *row, int indent) {
  const char *key;
  json_t *value;
  json_object_foreach(row, key, value) {
    if (strcmp(key, "name") == 0 || strcmp(key, "help") == 0) continue;
    if (json_is_string(value) && json_string_length(value) > 0)
      printf("%-*s  %s: %s\n", indent, "", key, json_string_value(value));
    if (json_is_false(value)) printf("%-*s  no %s\n", indent, "", key);
  }
}

static void print_rows(const json_t *rows) {
  size_t width = 0, index;
  json_t *row;
  json_array_foreach(rows, index, row) {
    size_t length = json_string_length(json_object_get(row, "name"));
    if (length > width) width = length;
  }
  json_array_foreach(rows, index, row) {
    const json_t *number = json_object_get(row, "exit_status");
    printf("%-*s  ", (int)width, json_string_value(json_object_get(row, "name")));
    if (number) printf("%3lld  ", json_integer_value(number));
    puts(json_string_value(json_object_get(row, "help")));
    print_rest(row, (int)width);
  }
}

static ddla_status print_topic(const ddla_topic *topic, const ddla_plugins *plugins, bool json) {
  if (!json && strcmp(topic->name, "job") == 0) {
    ddla_job_print_help(stdout);
    return DDLA_OK;
  }
  json_t *rows = topic->rows(plugins);
  if (json || !rows) return ddla_json_print(rows);
  print_rows(rows);
  json_decref(rows);
  return DDLA_OK;
}

/* A topic with the rows of the plug-ins that a job, or --set, names. */
static ddla_status print_job_topic(const ddla_topic *topic, const ddla_words *words, bool json) {
  ddla_job *job = NULL;
  ddla_plugins *plugins = NULL;
  ddla_status status = DDLA_OK;
  const char *path = words->other_count > 1 ? words->other[1] : NULL;
  DDLA_TRY_CLEAN(status, ddla_words_job(&job, words, path));
  DDLA_TRY_CLEAN(status, ddla_train_plugins(&plugins, job, NULL));
  DDLA_TRY_CLEAN(status, print_topic(topic, plugins, json));
cleanup:
  ddla_plugins_destroy(plugins);
  ddla_job_destroy(job);
  return status;
}

static void print_topics(FILE *file) {
  for (int i = 0; ddla_topic_at(i); i++)
    fprintf(file, "  %-12s %s\n", ddla_topic_at(i)->name, ddla_topic_at(i)->help);
}

static json_t *shape_json(const ddla_shape *shape) {
  json_t *made = json_array();
  for (int d = 0; d < shape->rank; d++)
    json_array_append_new(made, json_integer((json_int_t)shape->dim[d]));
  return made;
}

static json_t *summary_json(const ddla_summary *summary, const ddla_job *job) {
  json_t *layers = json_array();
  for (int i = 0; i < summary->count; i++) {
    const ddla_summary_row *row = &summary->rows[i];
    json_array_append_new(layers,
                          json_pack("{s:s, s:s, s:o, s:I, s:f}", "name", row->name, "kind",
                                    row->kind, "shape", shape_json(&row->shape), "parameters",
                                    (json_int_t)row->parameters, "flops", row->flops));
  }
  return json_pack("{s:o, s:I, s:f, s:s}", "layers", layers, "parameters",
                   (json_int_t)summary->parameters, "flops", summary->flops, "precision",
                   job->train.precision);
}

static ddla_status print_graph(const ddla_graph *graph, const ddla_job *job, bool json) {
  ddla_summary summary = {0};
  DDLA_TRY(ddla_summary_init(&summary, graph));
  ddla_status status = DDLA_OK;
  if (json) status = ddla_json_print(summary_json(&summary, job));
  else ddla_summary_print(&summary, stdout);
  if (!json) printf("\nproducts and convolutions at %s\n", job->train.precision);
  ddla_summary_fini(&summary);
  return status;
}

/* The model of a run: what it takes is known without the data. */
static ddla_status print_run_model(const ddla_words *words, const char *directory, bool json) {
  char path[DDLA_PATH_BYTES];
  ddla_job *job = NULL;
  ddla_description description = {0};
  ddla_plugins *plugins = NULL;
  ddla_task_graph graph = {.key = DDLA_NO_VALUE};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_words_job(&job, words, ddla_run_path(path, directory, "job.yaml")));
  DDLA_TRY_CLEAN(status, ddla_description_read(&description, directory));
  DDLA_TRY_CLEAN(status, ddla_train_plugins(&plugins, job, NULL));
  const ddla_task *task = ddla_task_find(plugins, description.task);
  if (!task || description.own) {
    status =
        DDLA_FAIL(UNSUPPORTED, "%s: this program cannot build the run's model or task (%s)",
                  directory, description.own ? "a model of another program" : description.task);
    goto cleanup;
  }
  DDLA_TRY_CLEAN(
      status, ddla_task_build(&graph, &(ddla_task_use){.task = task,
                                                       .job = job,
                                                       .plugins = plugins,
                                                       .data = {.shape = description.shape,
                                                                .type = description.type,
                                                                .classes = description.classes,
                                                                .targets = description.targets}}));
  DDLA_TRY_CLEAN(status, print_graph(graph.graph, job, json));
cleanup:
  if (graph.graph) ddla_task_graph_fini(&graph);
  ddla_description_fini(&description);
  ddla_plugins_destroy(plugins);
  ddla_job_destroy(job);
  return status;
}

/* The model of a job: its data say what it takes. */
static ddla_status print_job_model(const ddla_words *words, const char *path, bool json) {
  ddla_job *job = NULL;
  ddla_training *training = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_words_job(&job, words, path));
  DDLA_TRY_CLEAN(status, ddla_training_prepare(&training, job, NULL, NULL,
                                               ddla_clock_now_ns(ddla_clock_monotonic())));
  DDLA_TRY_CLEAN(status, print_graph(training->graph.graph, job, json));
cleanup:
  ddla_training_destroy(training);
  ddla_job_destroy(job);
  return status;
}

static ddla_status print_report(const char *directory, bool json) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  if (strlen(directory) + 64 > sizeof path)
    return DDLA_FAIL(INVALID, "the path of the run directory is too long");
  ddla_run_path(path, directory, "job.yaml");
  if (access(path, F_OK) != 0)
    return DDLA_FAIL(INVALID, "%s is not the directory of a run: it holds no job.yaml", directory);
  ddla_run_path(path, directory, json ? "report.json" : "report.txt");
  if (access(path, F_OK) != 0)
    return DDLA_FAIL(INVALID,
                     "the run in %s has no report yet: it goes on, or was cut off (ddla "
                     "train --resume goes on with it)",
                     directory);
  DDLA_TRY(ddla_file_read(&text, &bytes, path, (size_t)64 << 20));
  fwrite(text, 1, bytes, stdout);
  if (bytes > 0 && text[bytes - 1] != '\n') putchar('\n');
  ddla_free(text);
  return DDLA_OK;
}

static const ddla_topic *find_topic(const char *word) {
  for (int i = 0; ddla_topic_at(i); i++)
    if (strcmp(word, ddla_topic_at(i)->name) == 0) return ddla_topic_at(i);
  return NULL;
}

static ddla_status refuse(const char *word) {
  const char *near = ddla_words_nearer(NULL, word, "model");
  for (int i = 0; ddla_topic_at(i); i++)
    near = ddla_words_nearer(near, word, ddla_topic_at(i)->name);
  return DDLA_FAIL(INVALID,
                   "%s is neither a run directory nor something to list%s%s%s; `ddla info` alone "
                   "says what there is",
                   ddla_text_quote(word).text, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static ddla_status print_word(const ddla_words *words, bool json) {
  const char *word = words->other[0];
  bool model = strcmp(word, "model") == 0;
  if (words->other_count > 2)
    return DDLA_FAIL(INVALID, "ddla info lists one thing at a time; `ddla info --help` says more");
  if (model) {
    const char *place = words->other_count == 2 ? words->other[1] : NULL;
    if (place && is_directory(place)) return print_run_model(words, place, json);
    return print_job_model(words, place, json);
  }
  const ddla_topic *topic = find_topic(word);
  if (topic && (words->other_count < 2 || !find_topic(words->other[1])))
    return print_job_topic(topic, words, json);
  if (words->other_count > 1)
    return DDLA_FAIL(INVALID, "ddla info lists one thing at a time; `ddla info --help` says more");
  return is_directory(word) ? print_report(word, json) : refuse(word);
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  bool json = false;
  const ddla_words_option options[] = {{"--json", NULL, NULL, &json}};
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, options, sizeof options / sizeof options[0]));
  if (words.other_count > 0) return print_word(&words, json);
  if (json)
    return DDLA_FAIL(INVALID, "ddla info --json needs to know what to list; `ddla info` alone says "
                              "what there is");
  puts("ddla info TOPIC lists");
  print_topics(stdout);
  puts("  model JOB    the layers of a job's model, or of a run's\n"
       "  RUN          the report of a run directory");
  return DDLA_OK;
}

const ddla_command ddla_command_info = {
    .name = "info",
    .arguments = "[job|tasks|models|ops|…] [JOB.yaml] | model [JOB.yaml|RUN] | RUN",
    .summary = "lists what there is to choose from, a model's layers, a run's report",
    .help =
        "  job, tasks, models, layers, ops, kernels, optimizers, schedules, formats, transports,\n"
        "  collectives, codecs, partitions, heterogeneity, status\n"
        "                     what there is; `ddla info` alone says a word about each\n"
        "  TOPIC JOB.yaml     also what the job's plug-ins add\n"
        "  model JOB.yaml     layers, shapes, parameters and flops of a job's model; without a\n"
        "                     file of the initial job; of a run directory\n"
        "  RUN                the report of a run directory\n"
        "  --set KEY=VALUE    sets a key of the job, for example task.plugins=[./libown.so]\n"
        "  --json             prints JSON\n",
    .run = run};
