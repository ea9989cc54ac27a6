/* The model of a job file's own list of layers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "graph/graph.h"
#include "model/layer_row.h"
#include "model/model.h"
#include "op/op.h"

#define DDLA_LAYER(folder, name) extern const ddla_layer_row ddla_layer_row_##name;
#include "model/layer_list.h"
#undef DDLA_LAYER

static const ddla_layer_row *const table[] = {
#define DDLA_LAYER(folder, name) &ddla_layer_row_##name,
#include "model/layer_list.h"
#undef DDLA_LAYER
};
enum { LAYERS = sizeof table / sizeof table[0], NAMES_BYTES = 900 };

const ddla_layer_row *const *ddla_layer_table(int *count) {
  *count = LAYERS;
  return table;
}

static const ddla_layer_row *find_row(const char *name) {
  for (int i = 0; i < LAYERS; i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}

/* An op with one tensor as its input and attributes as its only options. */
static bool is_layer(const ddla_op *op) {
  return op->input_min == 1 && op->input_max == 1 && op->backward;
}

/* Op number index, the library's and then the plug-ins'; null behind the last. */
static const ddla_op *op_at(const ddla_plugins *plugins, int index) {
  int count = 0;
  const ddla_op *const *ops = ddla_op_table(&count);
  if (index < count) return ops[index];
  return plugins && index - count < plugins->op_count ? plugins->op[index - count] : NULL;
}

/* Name number index among rows and ops, or null behind the last. */
static const char *name_at(const ddla_plugins *plugins, int index) {
  if (index < LAYERS) return table[index]->name;
  int at = LAYERS;
  for (int i = 0; op_at(plugins, i); i++) {
    const ddla_op *op = op_at(plugins, i);
    if (!is_layer(op) || find_row(op->name)) continue;
    if (at++ == index) return op->name;
  }
  return NULL;
}

static ddla_status refuse_name(const ddla_plugins *plugins, const char *name) {
  char names[NAMES_BYTES] = "";
  size_t used = 0;
  const char *nearest = NULL;
  int distance = 0;
  for (int i = 0; name_at(plugins, i); i++) {
    const char *other = name_at(plugins, i);
    const int far = ddla_text_distance(name, other);
    if (ddla_text_is_near(name, other) && (!nearest || far < distance))
      nearest = other, distance = far;
    if (used < sizeof names)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", other);
  }
  if (nearest)
    return DDLA_FAIL(INVALID, "there is no layer %s; did you mean %s?", ddla_text_quote(name).text,
                     nearest);
  return DDLA_FAIL(INVALID, "there is no layer %s; there are: %s", ddla_text_quote(name).text,
                   names);
}

/* An op may work along any dimension; a layer leaves the first one alone, which is the batch. */
static ddla_status check_batch(const ddla_layer_use *use, const ddla_op *op) {
  static const char *const keys[] = {"axes", "axis"};
  const ddla_shape shape = ddla_graph_shape(use->list->graph, use->x);
  for (int k = 0; op->attrs && k < 2; k++) {
    const int count = ddla_attrs_count(&use->options, keys[k]);
    if (!strstr(op->attrs, keys[k])) continue;
    for (int i = 0; i < (count ? count : 1); i++) { /* none: the last dimension */
      const int64_t axis = ddla_attrs_int(&use->options, keys[k], i, -1);
      if (axis != 0 && axis + shape.rank != 0) continue;
      return DDLA_FAIL(INVALID,
                       "%s names dimension %" PRId64 ", the batch, but a layer must leave samples "
                       "apart; %s",
                       keys[k], axis,
                       shape.rank > 1 ? "those of a sample are counted from 1, or from the end, -1"
                                      : "a sample has no dimension left");
    }
  }
  return DDLA_OK;
}

static ddla_status build_layer(ddla_value *out, ddla_layer_use *use, const char *name) {
  const ddla_layer_row *row = find_row(name);
  if (row) {
    if (row->keys) DDLA_TRY(ddla_layer_read_options(&use->options, row->keys, false, use));
    return row->build(out, use);
  }
  const ddla_op *op = ddla_graph_find_op(use->list->graph, name);
  if (!op || !is_layer(op)) return refuse_name(use->list->graph->plugins, name);
  DDLA_TRY(ddla_layer_read_options(&use->options, op->attrs ? op->attrs : "", true, use));
  DDLA_TRY(check_batch(use, op));
  return ddla_graph_op(out, use->list->graph, name, &use->x, 1, &use->options);
}

/* The layer's name, and its options in use->value: "relu", or a mapping with one key. */
static ddla_status split_entry(const char **name, ddla_layer_use *use, const ddla_yaml *entry) {
  *name = NULL;
  if (entry->kind == DDLA_YAML_SCALAR && !entry->empty) *name = entry->text;
  if (entry->kind == DDLA_YAML_MAPPING && entry->count == 1) {
    *name = entry->first->key;
    use->value = entry->first;
  }
  if (*name) return DDLA_OK;
  if (entry->kind == DDLA_YAML_MAPPING && entry->count > 1)
    return DDLA_FAIL(INVALID,
                     "has %d keys at its top; write `- conv2d: {channels: 32}`, with one layer for "
                     "each dash",
                     entry->count);
  return DDLA_FAIL(INVALID, "must be a layer's name, or a name with options such as {max_pool: 2}");
}

/* "job.yaml:12:5: layer 3 (conv2d, applied to [1, 28, 28]): words". */
static ddla_status place(const ddla_layer_use *use, const char *name, const ddla_yaml *entry) {
  char words[DDLA_STATUS_TEXT_BYTES], text[96];
  const ddla_shape shape = ddla_graph_shape(use->list->graph, use->x);
  const char *message = ddla_status_message(DDLA_INVALID);
  const size_t length = strlen(use->name); /* a layer with parameters begins with its name */
  const bool has_name = strncmp(message, use->name, length) == 0 && message[length] == ':';
  snprintf(words, sizeof words, "%s", has_name ? message + length + 2 : message);
  *use->list->is_placed = true;
  return ddla_yaml_refuse(entry, "%s (%s, applied to %s): %s", use->name,
                          name ? ddla_text_quote(name).text : "?",
                          ddla_shape_text(text, sizeof text, &shape), words);
}

static ddla_status build_entry(ddla_value *out, ddla_layer_use *use, const ddla_yaml *entry) {
  const char *name = NULL;
  ddla_status status = split_entry(&name, use, entry);
  if (status == DDLA_OK) status = build_layer(out, use, name);
  if (status == DDLA_INVALID && !*use->list->is_placed) return place(use, name, entry);
  return status;
}

ddla_status ddla_layer_build_list(ddla_value *out, const ddla_layer_list *list, const char *name,
                                  ddla_value x, const ddla_yaml *entries) {
  if (entries->kind != DDLA_YAML_SEQUENCE || entries->count == 0)
    return DDLA_FAIL(INVALID, "a list of layers is wanted, one entry with a dash for each");
  int number = 0;
  for (const ddla_yaml *entry = entries->first; entry; entry = entry->next) {
    ddla_layer_use use = {.list = list, .x = x};
    const int length = snprintf(use.name, sizeof use.name, "%s%d", name, ++number);
    if (length >= DDLA_NAME_BYTES / 2)
      return DDLA_FAIL(INVALID, "lists of layers are nested too deep");
    DDLA_TRY(build_entry(&x, &use, entry));
  }
  *out = x;
  return DDLA_OK;
}

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                         const ddla_model_options *options) {
  if (!options->layers) return DDLA_FAIL(INVALID, "model.layers lists no layers");
  bool is_placed = false;
  const ddla_layer_list list = {.graph = graph,
                                .classes = options->task.classes,
                                .vocabulary = options->task.vocabulary,
                                .is_placed = &is_placed};
  DDLA_TRY(ddla_layer_build_list(logits, &list, "layer", input, options->layers));
  ddla_status status = ddla_model_check_logits(graph, *logits, &options->task);
  if (status != DDLA_INVALID) return status;
  char words[DDLA_STATUS_TEXT_BYTES];
  snprintf(words, sizeof words, "%s", ddla_status_message(status));
  return ddla_yaml_refuse(options->layers, "%s", words);
}

const ddla_model ddla_model_layers = {
    .name = "layers", .help = "the list of layers in model.layers of the job file", .build = build};
