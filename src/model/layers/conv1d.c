/* One-dimensional convolution with weights and bias. */
#include <inttypes.h>

#include "model/layer.h"
#include "model/layer_row.h"

static int64_t option(const ddla_layer_use *use, const char *name) {
  return ddla_attrs_int(&use->options, name, 0, 0);
}

static ddla_status check(const ddla_layer_use *use) {
  static const char *const sizes[] = {"channels", "kernel", "stride", "dilation", "groups"};
  const ddla_shape x = ddla_graph_shape(use->list->graph, use->x);
  if (x.rank != 3)
    return DDLA_FAIL(INVALID, "takes sequences [batch, length, channels]; reshape makes them");
  for (int i = 0; i < 5; i++)
    DDLA_TRY(ddla_layer_check_size(use->name, sizes[i], option(use, sizes[i]), 1));
  DDLA_TRY(ddla_layer_check_size(use->name, "padding", option(use, "padding"), 0));
  if (x.dim[2] % option(use, "groups") == 0) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "groups is %" PRId64 ", but must divide the input's %" PRId64 " channels",
                   option(use, "groups"), x.dim[2]);
}

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  DDLA_TRY(check(use));
  ddla_graph *graph = use->list->graph;
  const int64_t in = ddla_graph_shape(graph, use->x).dim[2] / option(use, "groups");
  const int64_t channels = option(use, "channels"), kernel = option(use, "kernel");
  const ddla_shape weight = DDLA_SHAPE(channels, in, kernel), bias = DDLA_SHAPE(channels);
  const bool has_bias = option(use, "bias") != 0;
  ddla_value input[3] = {use->x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(ddla_layer_weight(&input[1], graph, use->name, "weight", &weight, in * kernel));
  if (has_bias)
    DDLA_TRY(ddla_layer_weight(&input[2], graph, use->name, "bias", &bias, in * kernel));
  static const char *const names[] = {"stride", "padding", "dilation", "groups"};
  ddla_attrs attrs = {0};
  for (int i = 0; i < 4; i++) ddla_attrs_set_int(&attrs, names[i], option(use, names[i]));
  return ddla_graph_op(out, graph, "conv1d", input, has_bias ? 3 : 2, &attrs);
}

const ddla_layer_row ddla_layer_row_conv1d = {
    .name = "conv1d",
    .help = "convolution along sequences [length, channels]",
    .keys = "channels= kernel=3 stride=1 padding=0 dilation=1 groups=1 bias=true",
    .build = build};
