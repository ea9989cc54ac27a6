/* Group normalisation with a learned factor and a learned bias for each channel. */
#include "model/layer.h"
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  ddla_graph *graph = use->list->graph;
  const ddla_shape x = ddla_graph_shape(graph, use->x), shape = DDLA_SHAPE(x.dim[x.rank - 1]);
  ddla_value input[3] = {use->x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(ddla_layer_constant(&input[1], graph, use->name, "weight", &shape, DDLA_INIT_ONES));
  DDLA_TRY(ddla_layer_constant(&input[2], graph, use->name, "bias", &shape, DDLA_INIT_ZEROS));
  return ddla_graph_op(out, graph, "group_norm", input, 3, &use->options);
}

const ddla_layer_row ddla_layer_row_group_norm = {
    .name = "group_norm",
    .help = "mean 0 and variance 1 within groups of a sample's channels; a learned factor and bias "
            "for each channel",
    .keys = "groups= epsilon=0.00001",
    .build = build};
