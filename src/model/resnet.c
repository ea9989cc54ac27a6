/* Residual networks (He et al. 2016, arXiv:1512.03385) in the two forms of the paper, with the
 * names and the start of torchvision's: kernels normal with variance 2 / (kernel^2 * channels out),
 * scale 1, shift 0, also at the end of a block.
 *
 *   18, 34, 50, 101, 152   7x7 convolution of stride 2 and 3x3 max-pool, four stages
 *   other depths           3x3 convolution, three stages: 6n + 2 layers of basic blocks (20, 32,
 * 44, 56, 110), 9n + 2 of bottlenecks
 *
 * A stage doubles the channels and, from the second on, halves the image. Where a block changes the
 * shape, its shortcut is a 1x1 convolution with batch norm (the paper's option B; for the small
 * form the paper pads with zeros instead). In bottlenecks the 3x3 convolution has the stride, as in
 * torchvision, not the first 1x1. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/layer.h"
#include "model/model.h"

enum { STAGES_MAX = 4, EXPANSION = 4, SMALL_WIDTH = 16, LARGE_WIDTH = 64 };

/* What depth, width and block come to. */
typedef struct form {
  bool large, bottleneck;
  int stages, blocks[STAGES_MAX];
  int64_t width; /* channels of the first stage, before a bottleneck's expansion */
} form;

static const struct large_row {
  int64_t depth;
  bool bottleneck;
  int blocks[STAGES_MAX];
} large_rows[] = {{18, false, {2, 2, 2, 2}},
                  {34, false, {3, 4, 6, 3}},
                  {50, true, {3, 4, 6, 3}},
                  {101, true, {3, 4, 23, 3}},
                  {152, true, {3, 8, 36, 3}}};

static bool find_large(form *out, const ddla_model_options *options, bool any_block,
                       bool bottleneck) {
  for (size_t i = 0; i < sizeof large_rows / sizeof large_rows[0]; i++) {
    const struct large_row *row = &large_rows[i];
    if (row->depth != options->depth || (!any_block && row->bottleneck != bottleneck)) continue;
    *out = (form){.large = true, .bottleneck = row->bottleneck, .stages = STAGES_MAX};
    memcpy(out->blocks, row->blocks, sizeof out->blocks);
    return true;
  }
  return false;
}

static ddla_status choose_form(form *out, const ddla_model_options *options) {
  const char *block = options->block ? options->block : "auto";
  const bool any = strcmp(block, "auto") == 0, bottleneck = strcmp(block, "bottleneck") == 0;
  const int64_t layers = bottleneck ? 9 : 6, blocks = (options->depth - 2) / layers;
  form made = {0};
  if (!find_large(&made, options, any, bottleneck)) {
    if (blocks < 1 || layers * blocks + 2 != options->depth)
      return DDLA_FAIL(INVALID,
                       "depth %" PRId64 " with block %s is none; there are 18 and 34 (basic), 50, "
                       "101 and 152 (bottleneck), and for small images 6n + 2 (basic: 20, 32, 44, "
                       "56, 110) and 9n + 2 (bottleneck)",
                       options->depth, block);
    made = (form){.bottleneck = bottleneck, .stages = 3};
    for (int i = 0; i < made.stages; i++) made.blocks[i] = (int)blocks;
  }
  made.width = options->width > 0 ? options->width : made.large ? LARGE_WIDTH : SMALL_WIDTH;
  *out = made;
  return DDLA_OK;
}

/* A network in the making. */
typedef struct builder {
  ddla_graph *graph;
  ddla_value x;
  char prefix[32]; /* "layer1.0." */
} builder;

/* Convolution without bias. */
static ddla_status conv(ddla_value *x, const builder *b, const char *name, int64_t channels,
                        int64_t kernel, int64_t stride) {
  const ddla_conv2d_options options = {.channels = channels,
                                       .kernel = kernel,
                                       .stride = stride,
                                       .padding = kernel / 2,
                                       .no_bias = true};
  const ddla_init init = {DDLA_INIT_NORMAL, sqrt(2 / (double)(kernel * kernel * channels))};
  char full[DDLA_NAME_BYTES];
  snprintf(full, sizeof full, "%s%s", b->prefix, name);
  return ddla_layer_conv2d_from(x, b->graph, full, *x, &options, &init);
}

static ddla_status norm(ddla_value *x, const builder *b, const char *name) {
  char full[DDLA_NAME_BYTES];
  snprintf(full, sizeof full, "%s%s", b->prefix, name);
  return ddla_layer_batch_norm(x, b->graph, full, *x, NULL);
}

static ddla_status relu(ddla_value *x, const builder *b) {
  return ddla_layer_apply(x, b->graph, "relu", *x);
}

/* Convolution number `number` of a block, with its batch norm. */
static ddla_status layer(ddla_value *x, const builder *b, int number, int64_t channels,
                         int64_t kernel, int64_t stride) {
  char name[2][16];
  snprintf(name[0], sizeof name[0], "conv%d", number);
  snprintf(name[1], sizeof name[1], "bn%d", number);
  DDLA_TRY(conv(x, b, name[0], channels, kernel, stride));
  return norm(x, b, name[1]);
}

static ddla_status branch(ddla_value *x, const builder *b, const form *f, int64_t channels,
                          int64_t stride) {
  if (!f->bottleneck) {
    DDLA_TRY(layer(x, b, 1, channels, 3, stride));
    DDLA_TRY(relu(x, b));
    return layer(x, b, 2, channels, 3, 1);
  }
  DDLA_TRY(layer(x, b, 1, channels, 1, 1));
  DDLA_TRY(relu(x, b));
  DDLA_TRY(layer(x, b, 2, channels, 3, stride));
  DDLA_TRY(relu(x, b));
  return layer(x, b, 3, EXPANSION * channels, 1, 1);
}

static ddla_status block(builder *b, const form *f, int64_t channels, int64_t stride) {
  const int64_t out = f->bottleneck ? EXPANSION * channels : channels;
  ddla_value input[2] = {b->x, b->x};
  DDLA_TRY(branch(&input[0], b, f, channels, stride));
  if (stride != 1 || ddla_graph_shape(b->graph, b->x).dim[3] != out) {
    DDLA_TRY(conv(&input[1], b, "downsample.0", out, 1, stride));
    DDLA_TRY(norm(&input[1], b, "downsample.1"));
  }
  DDLA_TRY(ddla_graph_op(&b->x, b->graph, "add", input, 2, NULL));
  return relu(&b->x, b);
}

static ddla_status stem(builder *b, const form *f) {
  DDLA_TRY(conv(&b->x, b, "conv1", f->width, f->large ? 7 : 3, f->large ? 2 : 1));
  DDLA_TRY(norm(&b->x, b, "bn1"));
  DDLA_TRY(relu(&b->x, b));
  if (!f->large) return DDLA_OK;
  ddla_attrs attrs = {0};
  ddla_attrs_set_int(&attrs, "kernel", 3);
  ddla_attrs_set_int(&attrs, "stride", 2);
  ddla_attrs_set_int(&attrs, "padding", 1);
  return ddla_graph_op(&b->x, b->graph, "max_pool", &b->x, 1, &attrs);
}

static ddla_status check_input(const ddla_graph *graph, ddla_value input) {
  ddla_shape shape = ddla_graph_shape(graph, input);
  if (shape.rank == 4 && shape.dim[1] >= 4 && shape.dim[2] >= 4) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(
      INVALID,
      "takes images of at least 4 x 4 pixels [batch, height, width, channels], but the "
      "samples are %s; for rows of numbers use mlp",
      ddla_shape_text(text, sizeof text, &shape));
}

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                         const ddla_model_options *options) {
  form f = {0};
  builder b = {.graph = graph, .x = input};
  DDLA_TRY(check_input(graph, input));
  DDLA_TRY(choose_form(&f, options));
  DDLA_TRY(stem(&b, &f));
  for (int stage = 0; stage < f.stages; stage++)
    for (int i = 0; i < f.blocks[stage]; i++) {
      snprintf(b.prefix, sizeof b.prefix, "layer%d.%d.", stage + 1, i);
      DDLA_TRY(block(&b, &f, f.width << stage, stage > 0 && i == 0 ? 2 : 1));
    }
  DDLA_TRY(ddla_layer_apply(&b.x, graph, "global_average_pool", b.x));
  return ddla_layer_linear(logits, graph, "fc", b.x, options->task.classes);
}

const ddla_model ddla_model_resnet = {
    .name = "resnet",
    .help = "residual network with batch norm; see model.depth, model.width and model.block",
    .build = build};
