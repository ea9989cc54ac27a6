/* Residual block (He et al. 2016, arXiv:1512.03385): y = x + layers(x), or shortcut(x) + layers(x)
 * where the layers change the shape. */
#include <stdio.h>
#include <string.h>

#include "model/layer_row.h"

enum { DEPTH_MAX = 8 };

static ddla_status check_keys(const ddla_yaml *value) {
  for (const ddla_yaml *at = value->first; at; at = at->next)
    if (strcmp(at->key, "layers") != 0 && strcmp(at->key, "shortcut") != 0)
      return DDLA_FAIL(INVALID,
                       "has no key \"%.40s\"; it takes a list of layers, or {layers: [...], "
                       "shortcut: [...]}",
                       at->key);
  return DDLA_OK;
}

static ddla_status branch(ddla_value *out, const ddla_layer_use *use, const char *what,
                          const ddla_yaml *entries) {
  const ddla_layer_list list = {.graph = use->list->graph,
                                .classes = use->list->classes,
                                .vocabulary = use->list->vocabulary,
                                .depth = use->list->depth + 1,
                                .is_placed = use->list->is_placed};
  char name[DDLA_NAME_BYTES + 16];
  snprintf(name, sizeof name, "%s.%s", use->name, what);
  return ddla_layer_build_list(out, &list, name, use->x, entries);
}

/* The op would also spread a dimension of 1, which is hardly ever meant here. */
static ddla_status check_shapes(const ddla_graph *graph, const ddla_value input[2]) {
  const ddla_shape a = ddla_graph_shape(graph, input[0]), b = ddla_graph_shape(graph, input[1]);
  if (ddla_shape_equal(&a, &b)) return DDLA_OK;
  char text[2][96];
  return DDLA_FAIL(INVALID, "%s and the layers' result %s cannot be added; they must be equal",
                   ddla_shape_text(text[0], sizeof text[0], &a),
                   ddla_shape_text(text[1], sizeof text[1], &b));
}

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  const ddla_yaml *layers = use->value, *shortcut = NULL;
  if (use->list->depth >= DEPTH_MAX)
    return DDLA_FAIL(INVALID, "is nested more than %d deep", DEPTH_MAX);
  if (layers && layers->kind == DDLA_YAML_MAPPING) {
    DDLA_TRY(check_keys(layers));
    shortcut = ddla_yaml_find(layers, "shortcut");
    layers = ddla_yaml_find(layers, "layers");
  }
  if (!layers || layers->kind != DDLA_YAML_SEQUENCE)
    return DDLA_FAIL(INVALID, "takes a list of layers, or {layers: [...], shortcut: [...]}");
  ddla_value input[2] = {use->x, use->x};
  DDLA_TRY(branch(&input[1], use, "", layers));
  if (shortcut) DDLA_TRY(branch(&input[0], use, "shortcut", shortcut));
  DDLA_TRY(check_shapes(use->list->graph, input));
  return ddla_graph_op(out, use->list->graph, "add", input, 2, NULL);
}

const ddla_layer_row ddla_layer_row_residual = {
    .name = "residual",
    .help = "a list of layers whose result is added to their input; or {layers: [...], shortcut: "
            "[...]}",
    .build = build};
