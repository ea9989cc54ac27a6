/* A learned number for each channel, added to it; starts at zero. */
#include <stdio.h>

#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  ddla_graph *graph = use->list->graph;
  const ddla_shape x = ddla_graph_shape(graph, use->x), shape = DDLA_SHAPE(x.dim[x.rank - 1]);
  char name[DDLA_NAME_BYTES + 8];
  snprintf(name, sizeof name, "%s.bias", use->name);
  ddla_value input[2] = {use->x, DDLA_NO_VALUE};
  DDLA_TRY(
      ddla_graph_parameter(&input[1], graph, name, &shape, &(ddla_init){.kind = DDLA_INIT_ZEROS}));
  return ddla_graph_op(out, graph, "bias", input, 2, NULL);
}

const ddla_layer_row ddla_layer_row_bias = {.name = "bias",
                                            .help = "a learned number for each channel is added",
                                            .keys = "",
                                            .build = build};
