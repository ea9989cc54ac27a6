/* A small convolutional network for small images, in the form of many Fashion-MNIST examples:
 *
 *   conv 3x3, 32 channels, padding 1 - relu - max-pool 2
 *   conv 3x3, 64 channels, padding 1 - relu - max-pool 2
 *   flatten (height, width, channels) - linear 128 - relu - dropout - linear classes
 *
 * 421,642 parameters for images of 28 x 28 x 1 and 10 classes. */
#include "model/model.h"

static ddla_status stage(ddla_value *x, ddla_graph *graph, const char *name, int64_t channels,
                         const char *activation) {
  const ddla_conv2d_options options = {.channels = channels, .kernel = 3, .padding = 1};
  DDLA_TRY(ddla_layer_conv2d(x, graph, name, *x, &options));
  DDLA_TRY(ddla_layer_apply(x, graph, activation, *x));
  return ddla_layer_max_pool(x, graph, *x, 2);
}

static ddla_status check_input(const ddla_graph *graph, ddla_value input) {
  ddla_shape shape = ddla_graph_shape(graph, input);
  if (shape.rank == 4 && shape.dim[1] >= 4 && shape.dim[2] >= 4) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(
      INVALID,
      "takes images of at least 4 x 4 pixels [batch, height, width, channels], but the samples "
      "are %s; for rows of numbers use mlp",
      ddla_shape_text(text, sizeof text, &shape));
}

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input,
                         const ddla_model_options *options) {
  const char *activation = options->activation ? options->activation : "relu";
  ddla_value x = input;
  DDLA_TRY(check_input(graph, input));
  DDLA_TRY(stage(&x, graph, "conv1", 32, activation));
  DDLA_TRY(stage(&x, graph, "conv2", 64, activation));
  DDLA_TRY(ddla_layer_flatten(&x, graph, x));
  DDLA_TRY(ddla_layer_linear(&x, graph, "linear1", x, 128));
  DDLA_TRY(ddla_layer_apply(&x, graph, activation, x));
  if (options->dropout > 0) DDLA_TRY(ddla_layer_dropout(&x, graph, x, options->dropout));
  return ddla_layer_linear(logits, graph, "linear2", x, options->task.classes);
}

const ddla_model ddla_model_cnn = {
    .name = "cnn",
    .help = "two 3x3 convolutions with max-pooling and two linear layers, for small images",
    .build = build};
