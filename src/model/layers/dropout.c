/* Dropout; every one of a model draws numbers of its own. */
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  return ddla_layer_dropout(out, use->list->graph, use->x, ddla_attrs_real(&use->options, "p", 0));
}

const ddla_layer_row ddla_layer_row_dropout = {
    .name = "dropout",
    .help = "in training, zeroes numbers with this probability",
    .keys = "p=0.5",
    .build = build};
