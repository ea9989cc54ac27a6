/* MLP-Mixer (Tolstikhin et al. 2021, "MLP-Mixer: an all-MLP architecture for vision",
 * arXiv:2105.01601, figure 1): an image is cut into patches, each becomes `width` numbers, and in
 * every block two linear layers with a gelu between them mix first the patches of each number, then
 * the numbers of each patch:
 *
 *   y = x + (W2 gelu(W1 norm(x)ᵀ))ᵀ,   z = y + W4 gelu(W3 norm(y))
 *
 * The mean over the patches goes to the classifier. Parameters are called as in timm's MlpMixer:
 *
 *   stem.proj                     [width, channels, patch, patch] and [width]
 *   blocks.<b>.norm1, norm2       weight and bias [width]
 *   blocks.<b>.mlp_tokens.fc1     [token_width, patches], fc2 [patches, token_width]
 *   blocks.<b>.mlp_channels.fc1   [channel_width, width], fc2 [width, channel_width]
 *   norm [width], head [classes, width]
 *
 * They start as PyTorch's layers do. Dropout follows each of the two branches of a block. */
#include <inttypes.h>
#include <stdio.h>

#include "model/layer.h"
#include "model/model.h"

typedef struct mixer {
  ddla_graph *graph;
  const ddla_model_options *options;
} mixer;

static ddla_status norm(ddla_value *x, const mixer *made, const char *name) {
  const ddla_shape shape = DDLA_SHAPE(made->options->width);
  const ddla_init one = {.kind = DDLA_INIT_ONES}, zero = {.kind = DDLA_INIT_ZEROS};
  char full[2 * DDLA_NAME_BYTES];
  ddla_value input[3] = {*x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  snprintf(full, sizeof full, "%s.weight", name);
  DDLA_TRY(ddla_graph_parameter(&input[1], made->graph, full, &shape, &one));
  snprintf(full, sizeof full, "%s.bias", name);
  DDLA_TRY(ddla_graph_parameter(&input[2], made->graph, full, &shape, &zero));
  return ddla_graph_op(x, made->graph, "layer_norm", input, 3, NULL);
}

/* x [N, A, B] -> [N, B, A] */
static ddla_status transpose(ddla_value *x, const mixer *made) {
  ddla_attrs attrs = {0};
  ddla_attrs_set_ints(&attrs, "order", (int64_t[]){0, 2, 1}, 3);
  return ddla_graph_op(x, made->graph, "permute", x, 1, &attrs);
}

/* Two linear layers over the last dimension, from and to the same number of features. */
static ddla_status mix(ddla_value *x, const mixer *made, const char *name, int64_t hidden) {
  const int64_t features = ddla_graph_shape(made->graph, *x).dim[2];
  char full[2 * DDLA_NAME_BYTES];
  snprintf(full, sizeof full, "%s.fc1", name);
  DDLA_TRY(ddla_layer_linear(x, made->graph, full, *x, hidden));
  DDLA_TRY(ddla_layer_apply(x, made->graph, "gelu", *x));
  snprintf(full, sizeof full, "%s.fc2", name);
  return ddla_layer_linear(x, made->graph, full, *x, features);
}

static ddla_status drop(ddla_value *x, const mixer *made) {
  const double p = made->options->dropout;
  return p > 0 ? ddla_layer_dropout(x, made->graph, *x, p) : DDLA_OK;
}

static ddla_status add_block(ddla_value *x, const mixer *made, int64_t index) {
  char name[DDLA_NAME_BYTES];
  ddla_value sum[2] = {*x, *x};
  snprintf(name, sizeof name, "blocks.%" PRId64 ".norm1", index);
  DDLA_TRY(norm(&sum[1], made, name));
  DDLA_TRY(transpose(&sum[1], made));
  snprintf(name, sizeof name, "blocks.%" PRId64 ".mlp_tokens", index);
  DDLA_TRY(mix(&sum[1], made, name, made->options->token_width));
  DDLA_TRY(transpose(&sum[1], made));
  DDLA_TRY(drop(&sum[1], made));
  DDLA_TRY(ddla_graph_op(&sum[0], made->graph, "add", sum, 2, NULL));
  sum[1] = sum[0];
  snprintf(name, sizeof name, "blocks.%" PRId64 ".norm2", index);
  DDLA_TRY(norm(&sum[1], made, name));
  snprintf(name, sizeof name, "blocks.%" PRId64 ".mlp_channels", index);
  DDLA_TRY(mix(&sum[1], made, name, made->options->channel_width));
  DDLA_TRY(drop(&sum[1], made));
  return ddla_graph_op(x, made->graph, "add", sum, 2, NULL);
}

/* Images [N, H, W, C] -> [N, patches, width] */
static ddla_status cut(ddla_value *x, const mixer *made) {
  const ddla_model_options *o = made->options;
  const ddla_shape image = ddla_graph_shape(made->graph, *x);
  char text[96];
  if (image.rank != 4 || image.dim[1] % o->patch != 0 || image.dim[2] % o->patch != 0)
    return DDLA_FAIL(INVALID,
                     "takes images whose height and width model.patch (%" PRId64
                     ") divides; the samples are %s",
                     o->patch, ddla_shape_text(text, sizeof text, &image));
  const ddla_conv2d_options options = {
      .channels = o->width, .kernel = o->patch, .stride = o->patch};
  DDLA_TRY(ddla_layer_conv2d(x, made->graph, "stem.proj", *x, &options));
  return ddla_layer_reshape(x, made->graph, *x, (int64_t[]){-1, o->width}, 2);
}

static ddla_status mean_of_patches(ddla_value *x, const mixer *made) {
  const ddla_shape shape = ddla_graph_shape(made->graph, *x);
  DDLA_TRY(ddla_layer_reshape(x, made->graph, *x, (int64_t[]){shape.dim[1], 1, shape.dim[2]}, 3));
  return ddla_layer_apply(x, made->graph, "global_average_pool", *x);
}

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                         const ddla_model_options *options) {
  const mixer made = {graph, options};
  ddla_value x = input;
  DDLA_TRY(cut(&x, &made));
  for (int64_t b = 0; b < options->blocks; b++) DDLA_TRY(add_block(&x, &made, b));
  DDLA_TRY(norm(&x, &made, "norm"));
  DDLA_TRY(mean_of_patches(&x, &made));
  return ddla_layer_linear(logits, graph, "head", x, options->task.classes);
}

const ddla_model ddla_model_mlp_mixer = {
    .name = "mlp-mixer",
    .width = 128,
    .help =
        "linear layers over the patches of an image, then over the numbers of each patch, block "
        "by block; options patch, blocks, width, token_width, channel_width, dropout",
    .build = build};
