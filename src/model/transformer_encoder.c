/* A transformer in which each place sees all others. Where the task wants logits for each place, a
 * linear layer makes them; where it wants one answer for a sample, from the mean over the places.
 * Names and starting values: model/transformer.h; the last layer is "classifier". */
#include "model/layer.h"
#include "model/transformer.h"

static ddla_status mean_of_places(ddla_value *x, ddla_graph *graph) {
  const ddla_shape shape = ddla_graph_shape(graph, *x);
  DDLA_TRY(ddla_layer_reshape(x, graph, *x, (int64_t[]){shape.dim[1], 1, shape.dim[2]}, 3));
  return ddla_layer_apply(x, graph, "global_average_pool", *x);
}

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                         const ddla_model_options *options) {
  ddla_transformer made = {.graph = graph, .options = options};
  ddla_value x = DDLA_NO_VALUE;
  if (options->task.causal)
    return DDLA_FAIL(INVALID, "lets each place see what follows it, which is what the task wants "
                              "predicted; use transformer-decoder");
  DDLA_TRY(ddla_transformer_build(&x, &made, input));
  if (options->task.positions == 0) DDLA_TRY(mean_of_places(&x, graph));
  DDLA_TRY(ddla_transformer_linear(&x, &made, "classifier", options->task.classes, 0.02));
  *logits = x;
  return DDLA_OK;
}

const ddla_model ddla_model_transformer_encoder = {
    .name = "transformer-encoder",
    .width = 128,
    .help = "each place of a sequence sees all others; options blocks, width, heads, window, "
            "positions, dropout",
    .build = build};
