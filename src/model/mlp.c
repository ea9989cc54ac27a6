/* Multi-layer perceptron: linear layers, each but the last followed by an activation and dropout.
 * Samples of any shape are flattened first. With no hidden layer it is softmax regression. */
#include <stdio.h>

#include "model/model.h"

static ddla_status hidden(ddla_value *x, ddla_graph *graph, int index,
                          const ddla_model_options *options) {
  char name[32];
  snprintf(name, sizeof name, "linear%d", index + 1);
  DDLA_TRY(ddla_layer_linear(x, graph, name, *x, options->hidden[index]));
  DDLA_TRY(ddla_layer_apply(x, graph, options->activation ? options->activation : "relu", *x));
  return options->dropout > 0 ? ddla_layer_dropout(x, graph, *x, options->dropout) : DDLA_OK;
}

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                         const ddla_model_options *options) {
  ddla_value x = input;
  if (ddla_graph_shape(graph, x).rank != 2) DDLA_TRY(ddla_layer_flatten(&x, graph, x));
  for (int i = 0; i < options->hidden_count; i++) DDLA_TRY(hidden(&x, graph, i, options));
  char name[32];
  snprintf(name, sizeof name, "linear%d", options->hidden_count + 1);
  return ddla_layer_linear(logits, graph, name, x, options->task.classes);
}

const ddla_model ddla_model_mlp = {
    .name = "mlp",
    .help = "linear layers with an activation between them; options hidden, activation, dropout",
    .build = build};
