/* Linear layer with weights and bias on the last dimension. */
#include "model/layer.h"
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  return ddla_layer_linear_plain(out, use->list->graph, use->name, use->x,
                                 ddla_attrs_int(&use->options, "features", 0, 0),
                                 ddla_attrs_int(&use->options, "bias", 0, 0) != 0);
}

const ddla_layer_row ddla_layer_row_linear = {.name = "linear",
                                              .help =
                                                  "every output is a weighted sum of all inputs",
                                              .keys = "features= bias=true",
                                              .build = build};
