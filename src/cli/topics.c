#include "cli/topics.h"

#include <stdio.h>
#include <string.h>

#include "backend/kernel.h"
#include "codec/codec.h"
#include "data/data.h"
#include "data/partition.h"
#include "job/option.h"
#include "model/layer_row.h"
#include "model/model.h"
#include "op/op.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "sync/sync.h"
#include "task/task.h"
#include "transport/transport.h"

static void add(json_t *rows, const char *name, const char *help) {
  json_array_append_new(rows, json_pack("{s:s, s:s}", "name", name, "help", help));
}

/* The value of an option as YAML, as the job file would have it. */
static json_t *initial_json(const ddla_job *job, const char *key) {
  char *text = NULL;
  if (ddla_job_get_text(&text, job, key) != DDLA_OK) return json_null();
  json_t *made = json_string(text);
  ddla_job_free_text(text);
  return made;
}

static json_t *job_rows(const ddla_plugins *plugins) {
  (void)plugins;
  json_t *rows = json_array();
  ddla_job *job = NULL;
  if (ddla_job_create(&job) != DDLA_OK) return NULL;
  for (int i = 0; i < ddla_option_count(); i++) {
    const ddla_option *option = ddla_option_at(i);
    json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o}", "name", option->key, "help",
                                          option->help, "allowed", ddla_option_allowed(option).text,
                                          "initial", initial_json(job, option->key)));
  }
  ddla_job_destroy(job);
  return rows;
}

static json_t *op_json(const ddla_op *op) {
  return json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", op->name, "help", op->math, "inputs",
                   op->inputs, "attributes", op->attrs ? op->attrs : "", "gradient",
                   op->backward != NULL);
}

static json_t *op_rows(const ddla_plugins *plugins) {
  int count = 0;
  const ddla_op *const *table = ddla_op_table(&count);
  json_t *rows = json_array();
  for (int i = 0; i < count; i++) json_array_append_new(rows, op_json(table[i]));
  for (int i = 0; plugins && i < plugins->op_count; i++)
    json_array_append_new(rows, op_json(plugins->op[i]));
  return rows;
}

static json_t *kernel_rows(const ddla_plugins *plugins) {
  (void)plugins;
  int count = 0;
  const ddla_kernel *const *table = ddla_kernel_table(&count);
  json_t *rows = json_array();
  char text[96];
  for (int i = 0; i < count; i++) {
    snprintf(text, sizeof text, "computes %s", table[i]->op ? table[i]->op : "every op");
    add(rows, table[i]->name, text);
  }
  return rows;
}

static json_t *model_rows(const ddla_plugins *plugins) {
  int count = 0;
  const ddla_model *const *table = ddla_model_table(&count);
  json_t *rows = json_array();
  for (int i = 0; i < count; i++) add(rows, table[i]->name, table[i]->help);
  for (int i = 0; plugins && i < plugins->model_count; i++)
    add(rows, plugins->model[i]->name, plugins->model[i]->help);
  return rows;
}

static json_t *layer_rows(const ddla_plugins *plugins) {
  (void)plugins;
  int count = 0;
  const ddla_layer_row *const *table = ddla_layer_table(&count);
  json_t *rows = json_array();
  for (int i = 0; i < count; i++)
    json_array_append_new(rows,
                          json_pack("{s:s, s:s, s:s}", "name", table[i]->name, "help",
                                    table[i]->help, "keys", table[i]->keys ? table[i]->keys : ""));
  return rows;
}

static json_t *optimizer_rows(const ddla_plugins *plugins) {
  (void)plugins;
  int count = 0;
  const ddla_optimizer *const *table = ddla_optimizer_table(&count);
  json_t *rows = json_array();
  for (int i = 0; i < count; i++) add(rows, table[i]->name, table[i]->help);
  return rows;
}

static json_t *codec_rows(const ddla_plugins *plugins) {
  (void)plugins;
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  json_t *rows = json_array();
  for (int i = 0; i < count; i++) add(rows, table[i]->name, table[i]->help);
  return rows;
}

static json_t *partition_rows(const ddla_plugins *plugins) {
  (void)plugins;
  json_t *rows = json_array();
  add(rows, "shared", "all are everybody's: every batch is drawn from all of them");
  for (int i = 0; ddla_partition_at(i); i++)
    add(rows, ddla_partition_at(i)->name, ddla_partition_at(i)->help);
  return rows;
}

static json_t *heterogeneity_rows(const ddla_plugins *plugins) {
  (void)plugins;
  json_t *rows = json_array();
  for (int i = 0; ddla_heterogeneity_at(i); i++)
    add(rows, ddla_heterogeneity_at(i)->name, ddla_heterogeneity_at(i)->help);
  return rows;
}

static json_t *schedule_rows(const ddla_plugins *plugins) {
  (void)plugins;
  json_t *rows = json_array();
#define ADD(name, help) add(rows, #name, help);
  DDLA_SCHEDULE_LIST(ADD)
#undef ADD
  return rows;
}

static json_t *task_rows(const ddla_plugins *plugins) {
  int count = 0;
  const ddla_task *const *table = ddla_task_table(&count);
  json_t *rows = json_array();
  for (int i = 0; i < count; i++) add(rows, table[i]->name, table[i]->help);
  for (int i = 0; plugins && i < plugins->task_count; i++)
    add(rows, plugins->task[i]->name, plugins->task[i]->help);
  return rows;
}

static json_t *format_rows(const ddla_plugins *plugins) {
  json_t *rows = json_array();
  const char *looks_for = "";
  for (int i = 0; ddla_dataset_format(&looks_for, i); i++)
    add(rows, ddla_dataset_format(&looks_for, i), looks_for);
  for (int i = 0; plugins && i < plugins->format_count; i++)
    add(rows, plugins->format[i]->name, plugins->format[i]->looks_for);
  return rows;
}

static json_t *transport_rows(const ddla_plugins *plugins) {
  (void)plugins;
  json_t *rows = json_array();
  for (int i = 0; ddla_transport_row(i); i++) {
    unsigned caps = ddla_transport_row(i)->caps;
    bool shared = caps & DDLA_TRANSPORT_SHARED, messages = caps & DDLA_TRANSPORT_MESSAGES;
    add(rows, ddla_transport_row(i)->name,
        shared && messages           ? "shared memory and messages"
        : shared                     ? "shared memory"
        : caps & DDLA_TRANSPORT_SUMS ? "messages, and sums by its library"
                                     : "messages");
  }
  return rows;
}

static json_t *status_rows(const ddla_plugins *plugins) {
  (void)plugins;
  json_t *rows = json_array();
#define ADD(status, exit_status, words, rebuild)                                                   \
  json_array_append_new(rows, json_pack("{s:s, s:s, s:i}", "name", #status, "help", words,         \
                                        "exit_status", exit_status));
  DDLA_STATUS_LIST(ADD)
#undef ADD
  return rows;
}

static const ddla_topic topics[] = {
    {"job", "every key of a job file", job_rows},
    {"tasks", "what can be trained", task_rows},
    {"models", "named models (model.kind)", model_rows},
    {"layers", "layers of a model in a job file (model.layers); ops with one input are layers too",
     layer_rows},
    {"ops", "what graphs are made of", op_rows},
    {"kernels", "how ops are computed, the first that accepts", kernel_rows},
    {"optimizers", "rules that update the parameters (train.optimizer)", optimizer_rows},
    {"schedules", "how the learning rate changes (train.schedule)", schedule_rows},
    {"formats", "data formats (data.format)", format_rows},
    {"transports", "how agents reach each other", transport_rows},
    {"collectives", "what agents do together, the first that accepts", ddla_topic_collectives},
    {"codecs", "how updates are made shorter (ddla bench codec)", codec_rows},
    {"partitions", "whose the training samples are (data.partition)", partition_rows},
    {"heterogeneity", "what is done about data that differ between replicas (sync.heterogeneity)",
     heterogeneity_rows},
    {"status", "exit statuses of the program", status_rows},
};

const ddla_topic *ddla_topic_at(int index) {
  return index >= 0 && (size_t)index < sizeof topics / sizeof topics[0] ? &topics[index] : NULL;
}
