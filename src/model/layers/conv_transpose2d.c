/* Transposed convolution with weights and bias, which start as PyTorch's ConvTranspose2d: its
 * fan-in is that of the weights' second dimension. */
#include <inttypes.h>

#include "model/layer.h"
#include "model/layer_row.h"

static int64_t option(const ddla_layer_use *use, const char *name) {
  return ddla_attrs_int(&use->options, name, 0, 0);
}

static ddla_status check(const ddla_layer_use *use) {
  static const char *const sizes[] = {"channels", "kernel", "stride", "groups"};
  const ddla_shape x = ddla_graph_shape(use->list->graph, use->x);
  if (x.rank != 4) return DDLA_FAIL(INVALID, "takes images [batch, height, width, channels]");
  for (int i = 0; i < 4; i++)
    DDLA_TRY(ddla_layer_check_size(use->name, sizes[i], option(use, sizes[i]), 1));
  DDLA_TRY(ddla_layer_check_size(use->name, "padding", option(use, "padding"), 0));
  const int64_t groups = option(use, "groups"), channels = option(use, "channels");
  if (x.dim[3] % groups == 0 && channels % groups == 0) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "groups is %" PRId64 ", but must divide the input's %" PRId64
                   " channels and the output's %" PRId64,
                   groups, x.dim[3], channels);
}

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  DDLA_TRY(check(use));
  ddla_graph *graph = use->list->graph;
  const int64_t in = ddla_graph_shape(graph, use->x).dim[3], kernel = option(use, "kernel");
  const int64_t each = option(use, "channels") / option(use, "groups");
  const int64_t fan_in = each * kernel * kernel;
  const ddla_shape weight = DDLA_SHAPE(in, each, kernel, kernel);
  const ddla_shape bias = DDLA_SHAPE(option(use, "channels"));
  const bool has_bias = option(use, "bias") != 0;
  ddla_value input[3] = {use->x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(ddla_layer_weight(&input[1], graph, use->name, "weight", &weight, fan_in));
  if (has_bias) DDLA_TRY(ddla_layer_weight(&input[2], graph, use->name, "bias", &bias, fan_in));
  static const char *const names[] = {"stride", "padding", "output_padding", "groups"};
  ddla_attrs attrs = {0};
  for (int i = 0; i < 4; i++) ddla_attrs_set_int(&attrs, names[i], option(use, names[i]));
  return ddla_graph_op(out, graph, "conv_transpose2d", input, has_bias ? 3 : 2, &attrs);
}

const ddla_layer_row ddla_layer_row_conv_transpose2d = {
    .name = "conv_transpose2d",
    .help = "transposed convolution: enlarges images by the stride",
    .keys = "channels= kernel=3 stride=1 padding=0 output_padding=0 groups=1 bias=true",
    .build = build};
