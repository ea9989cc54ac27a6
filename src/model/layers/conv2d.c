/* Convolution with weights and bias. */
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  const ddla_attrs *given = &use->options;
  const ddla_conv2d_options options = {.channels = ddla_attrs_int(given, "channels", 0, 0),
                                       .kernel = ddla_attrs_int(given, "kernel", 0, 0),
                                       .stride = ddla_attrs_int(given, "stride", 0, 0),
                                       .padding = ddla_attrs_int(given, "padding", 0, 0),
                                       .groups = ddla_attrs_int(given, "groups", 0, 0),
                                       .no_bias = !ddla_attrs_int(given, "bias", 0, 0)};
  return ddla_layer_conv2d(out, use->list->graph, use->name, use->x, &options);
}

const ddla_layer_row ddla_layer_row_conv2d = {
    .name = "conv2d",
    .help = "convolution with a square kernel; images in, images out",
    .keys = "channels= kernel=3 stride=1 padding=0 groups=1 bias=true",
    .build = build};
