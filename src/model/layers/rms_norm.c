/* Root mean square normalisation of the last dimension, with a learned factor for each channel. */
#include "model/layer.h"
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  ddla_graph *graph = use->list->graph;
  const ddla_shape x = ddla_graph_shape(graph, use->x), shape = DDLA_SHAPE(x.dim[x.rank - 1]);
  ddla_value input[2] = {use->x, DDLA_NO_VALUE};
  DDLA_TRY(ddla_layer_constant(&input[1], graph, use->name, "weight", &shape, DDLA_INIT_ONES));
  return ddla_graph_op(out, graph, "rms_norm", input, 2, &use->options);
}

const ddla_layer_row ddla_layer_row_rms_norm = {
    .name = "rms_norm",
    .help = "divides rows by their root mean square; a learned factor for each channel",
    .keys = "epsilon=0.00001",
    .build = build};
