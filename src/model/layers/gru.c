/* Gated recurrent unit over a sequence, one way or both. */
#include "model/layer_row.h"
#include "model/recurrent.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  const ddla_attrs *o = &use->options;
  const ddla_recurrent_layer layer = {.op = "gru",
                                      .gates = 3,
                                      .features = ddla_attrs_int(o, "features", 0, 0),
                                      .bias = ddla_attrs_int(o, "bias", 0, 0) != 0,
                                      .reverse = ddla_attrs_int(o, "reverse", 0, 0) != 0,
                                      .bidirectional =
                                          ddla_attrs_int(o, "bidirectional", 0, 0) != 0,
                                      .last = ddla_attrs_int(o, "last", 0, 0) != 0};
  return ddla_recurrent_layer_build(out, use->list->graph, use->name, use->x, &layer);
}

const ddla_layer_row ddla_layer_row_gru = {
    .name = "gru",
    .help =
        "gated recurrent unit over a sequence [steps, features]; last: only the state at the end",
    .keys = "features= bias=true reverse=false bidirectional=false last=false",
    .build = build};
