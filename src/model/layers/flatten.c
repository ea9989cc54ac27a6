/* All dimensions after the batch as one, in the order height, width, channels. */
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  return ddla_layer_flatten(out, use->list->graph, use->x);
}

const ddla_layer_row ddla_layer_row_flatten = {
    .name = "flatten",
    .help = "a row of numbers from each sample, in the order height, "
            "width, channels",
    .keys = "",
    .build = build};
