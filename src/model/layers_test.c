#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"
#include "model/layer_row.h"
#include "model/model.h"

enum { CLASSES = 10 };

typedef struct built {
  ddla_graph *graph;
  ddla_job *job;
  ddla_value logits;
  ddla_status status;
} built;

/* A job whose model is these layers, applied to samples of this shape. */
static built build(const char *layers, ddla_shape shape) {
  char text[2048];
  snprintf(text, sizeof text, "model:\n  kind: layers\n  layers:\n%s", layers);
  built b = {.logits = DDLA_NO_VALUE};
  ddla_value input = 0;
  if (ddla_job_load_text(&b.job, text, strlen(text), "job.yaml") != DDLA_OK)
    fail_msg("%s in\n%s", ddla_status_message(DDLA_INVALID), text);
  assert_int_equal(ddla_graph_create(&b.graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(&input, b.graph, "image", DDLA_F32, &shape), DDLA_OK);
  b.status =
      ddla_model_build(&b.logits, b.graph, input, b.job, &(ddla_model_task){.classes = CLASSES});
  return b;
}

static void destroy(built *b) {
  ddla_graph_destroy(b->graph);
  ddla_job_destroy(b->job);
}

static int64_t accept(const char *layers, ddla_shape shape) {
  built b = build(layers, shape);
  if (b.status != DDLA_OK) fail_msg("%s", ddla_status_message(b.status));
  int64_t total = ddla_graph_parameter_total(b.graph);
  destroy(&b);
  return total;
}

static void refuse(const char *layers, ddla_shape shape, const char *const *words) {
  built b = build(layers, shape);
  assert_int_equal(b.status, DDLA_INVALID);
  const char *message = ddla_status_message(DDLA_INVALID);
  for (int i = 0; words[i]; i++)
    if (!strstr(message, words[i])) fail_msg("\"%s\" is not in: %s", words[i], message);
  assert_ptr_equal(strstr(message, "job.yaml:"),
                   strrchr(message, 'j')); /* the place stands there once */
  destroy(&b);
}

#define REFUSE(layers, shape, ...) refuse(layers, shape, (const char *const[]){__VA_ARGS__, NULL})

static const char cnn[] = "  - conv2d: {channels: 32, kernel: 3, padding: 1}\n"
                          "  - relu\n"
                          "  - max_pool: 2\n"
                          "  - conv2d: {channels: 64, padding: 1}\n"
                          "  - relu:\n"
                          "  - max_pool: {kernel: 2}\n"
                          "  - flatten\n"
                          "  - linear: 128\n"
                          "  - relu: {}\n"
                          "  - dropout: 0.25\n"
                          "  - linear: classes\n";

/* The same ops with the same attributes as the named model. */
static void the_cnn_as_a_list(void **state) {
  (void)state;
  assert_int_equal(accept(cnn, DDLA_SHAPE(1, 28, 28, 1)), 421642);
  built list = build(cnn, DDLA_SHAPE(1, 28, 28, 1));
  ddla_graph *graph = NULL;
  ddla_value input = 0, logits = 0;
  const ddla_model_options options = {.task = {.classes = CLASSES}, .dropout = 0.25};
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(&input, graph, "image", DDLA_F32, &DDLA_SHAPE(1, 28, 28, 1)),
                   DDLA_OK);
  assert_int_equal(ddla_model_find("cnn")->build(&logits, graph, input, &options), DDLA_OK);
  assert_int_equal(list.graph->use_count, graph->use_count);
  for (int u = 0; u < graph->use_count; u++) {
    assert_ptr_equal(list.graph->use[u].op, graph->use[u].op);
    assert_memory_equal(&list.graph->use[u].attrs, &graph->use[u].attrs,
                        sizeof graph->use[u].attrs);
  }
  assert_string_equal(list.graph->parameter[2].name, "layer4.weight");
  assert_int_equal(list.logits, logits);
  ddla_graph_destroy(graph);
  destroy(&list);
}

static void all_kinds(void **state) {
  (void)state;
  assert_int_equal(accept("  - conv2d: {channels: 8, groups: 2, bias: false, stride: 2}\n"
                          "  - batch_norm\n  - batch_norm: {momentum: 0.2, epsilon: 0.001}\n"
                          "  - gelu\n  - tanh\n  - sigmoid\n  - scale: 2\n  - bias\n"
                          "  - average_pool: {kernel: [2, 1], stride: 1}\n"
                          "  - permute: [3, 1, 2]\n"
                          "  - permute: {order: [2, 3, 1]}\n"
                          "  - reshape: [-1, 8]\n"
                          "  - reshape: [4, 10, 8]\n"
                          "  - global_average_pool\n"
                          "  - linear: {features: classes, bias: false}\n"
                          "  - softmax\n",
                          DDLA_SHAPE(1, 11, 21, 4)),
                   8 * 2 * 9 + 2 * 16 + 8 + 80);
}

static void more_kinds(void **state) {
  (void)state;
  assert_int_equal(accept("  - pad: [1, 2, 0]\n"
                          "  - pad: {size: [0, 0, 1], value: -1.5}\n" /* 8 x 10 x 6 */
                          "  - conv_transpose2d: {channels: 8, kernel: 4, stride: 2, padding: 1}\n"
                          "  - group_norm: 4\n"
                          "  - silu\n  - leaky_relu: 0.2\n  - clamp: {max: 6}\n"
                          "  - conv_transpose2d: {channels: 4, groups: 2, bias: false}\n"
                          "  - reshape: [-1, 4]\n" /* 18 x 22 places */
                          "  - conv1d: {channels: 6, kernel: 5, stride: 3, groups: 2}\n"
                          "  - rms_norm: {epsilon: 0.001}\n"
                          "  - gelu: {tanh: 1}\n"
                          "  - reduce_mean: {axes: 1}\n"
                          "  - exp\n  - abs\n  - sqrt\n  - log\n  - neg\n"
                          "  - linear: classes\n",
                          DDLA_SHAPE(1, 6, 6, 4)),
                   (6 * 8 * 16 + 8) + 2 * 8 + 8 * 2 * 9 + (6 * 2 * 5 + 6) + 6 + 70);
}

static void refuses_what_more_kinds_do_not_take(void **state) {
  (void)state;
  const ddla_shape image = DDLA_SHAPE(1, 8, 8, 3);
  REFUSE("  - conv1d: 4\n", image, "layer1", "[1, 8, 8, 3]", "sequences");
  REFUSE("  - conv_transpose2d: {channels: 4, groups: 2}\n", image, "groups is 2", "3 channels");
  REFUSE("  - flatten\n  - conv_transpose2d: 4\n", image, "[1, 192]", "images");
  REFUSE("  - group_norm: 2\n", image, "[1, 8, 8, 3]", "groups is 2");
  REFUSE("  - pad: [1, 1]\n", image, "[1, 8, 8, 3]", "before must be 4 numbers");
  REFUSE("  - one_hot: 3\n", image, "no layer");
}

static void embeddings(void **state) {
  (void)state;
  const ddla_shape columns = DDLA_SHAPE(1, 1, 1, 3);
  assert_int_equal(
      accept("  - embedding: {rows: 50, width: 4}\n  - flatten\n  - linear: 10\n", columns),
      50 * 4 + 12 * 10 + 10);
  built b = build(
      "  - embedding: {rows: 50, width: 4, sparse: true}\n  - flatten\n  - linear: 10\n", columns);
  assert_int_equal(b.status, DDLA_OK);
  assert_string_equal(b.graph->parameter[0].name, "layer1.weight");
  assert_true(b.graph->parameter[0].by_row);
  assert_int_equal(b.graph->parameter[0].offset, b.graph->dense);
  destroy(&b);
  REFUSE("  - embedding: 4\n", columns, "layer1", "needs rows");
  REFUSE("  - embedding: {rows: 50}\n", columns, "needs width");
  REFUSE("  - embedding: {rows: -1, width: 4}\n", columns, "rows is -1");
}

/* What would mix samples, or cut some off. */
static void the_batch_is_left_alone(void **state) {
  (void)state;
  const ddla_shape image = DDLA_SHAPE(1, 8, 8, 3);
  REFUSE("  - reduce_sum: {axes: 0}\n", image, "layer1", "axes names dimension 0, the batch");
  REFUSE("  - reduce_mean: {axes: [2, 0], keep: 1}\n", image, "axes names dimension 0");
  REFUSE("  - reduce_max: {axes: [1, -4]}\n", image, "dimension -4, the batch", "counted from 1");
  REFUSE("  - slice: {axis: 0, begin: 0, end: 1}\n", image, "axis names dimension 0");
  REFUSE("  - flatten\n  - reduce_sum\n  - reduce_sum\n", image, "layer3", "no dimension left");
  assert_int_equal(accept("  - reduce_sum: {axes: [1, -2]}\n"
                          "  - slice: {axis: -1, begin: 0, end: 2}\n  - linear: classes\n",
                          image),
                   2 * 10 + 10);
}

/* Parameters are PyTorch's, by name and number; both ways side by side have twice the features. */
static void recurrent_layers(void **state) {
  (void)state;
  const ddla_shape image = DDLA_SHAPE(1, 6, 5, 1);
  assert_int_equal(accept("  - reshape: [6, 5]\n  - lstm: 7\n  - gru: {features: 3, bias: false}\n"
                          "  - lstm: {features: 5, bidirectional: true, last: true}\n"
                          "  - linear: 10\n",
                          image),
                   28 * 5 + 28 * 7 + 56 + 9 * 7 + 9 * 3 + 2 * (20 * 3 + 20 * 5 + 40) + 110);
  built b = build("  - reshape: [6, 5]\n  - gru: {features: 4, bidirectional: true}\n"
                  "  - flatten\n  - linear: 10\n",
                  image);
  assert_int_equal(b.status, DDLA_OK);
  assert_string_equal(b.graph->parameter[0].name, "layer2.weight_ih_l0");
  assert_string_equal(b.graph->parameter[7].name, "layer2.bias_hh_l0_reverse");
  assert_int_equal(b.graph->parameter[8].shape.dim[1], 6 * 8);
  destroy(&b);
  REFUSE("  - lstm: 4\n", image, "layer1", "[1, 6, 5, 1]", "reshape");
  REFUSE("  - reshape: [6, 5]\n  - gru: {features: 4, reverse: true, bidirectional: true}\n", image,
         "layer2", "do not go together");
  REFUSE("  - reshape: [6, 5]\n  - lstm: 0\n", image, "layer2", "features is 0");
}

static void residual_blocks(void **state) {
  (void)state;
  assert_int_equal(accept("  - residual: [{linear: 6}, relu, {linear: 5}]\n"
                          "  - residual:\n"
                          "      layers:\n"
                          "        - residual: [relu]\n"
                          "        - linear: 10\n"
                          "      shortcut: [{linear: {features: classes, bias: false}}]\n",
                          DDLA_SHAPE(1, 5)),
                   36 + 35 + 60 + 50);
  built b =
      build("  - residual: [{linear: 6}, relu, {linear: 5}]\n  - linear: 10\n", DDLA_SHAPE(1, 5));
  assert_string_equal(b.graph->parameter[2].name, "layer1.3.weight");
  destroy(&b);
}

static void refuses_what_does_not_fit(void **state) {
  (void)state;
  const ddla_shape image = DDLA_SHAPE(1, 8, 8, 3);
  REFUSE("  - flatten\n  - relu\n  - conv2d: 32\n", image, "job.yaml:6:", "layer3", "conv2d",
         "[1, 192]", "images");
  REFUSE("  - batch_norm: 1.5\n", image, "job.yaml:4:", "layer1", "batch_norm", "momentum");
  REFUSE("  - batch_norm: {epsilon: -1}\n", image, "layer1", "epsilon");
  REFUSE("  - max_pool: 9\n", image, "job.yaml:4:", "layer1", "max_pool", "[1, 8, 8, 3]");
  REFUSE("  - flatten\n  - reshape: [7, 7]\n", image, "layer2", "[1, 192]", "[0, 7, 7]");
  REFUSE("  - flatten\n  - linear: 9\n", image, "[1, 9]", "[1, 10]");
  REFUSE("  - linear: 10\n", image, "[1, 8, 8, 10]", "[1, 10]");
  REFUSE("  - flatten\n  - residual:\n    - relu\n    - linear: 4\n", image,
         "job.yaml:5:", "layer2", "residual", "[1, 192]", "[1, 4]");
  REFUSE("  - residual: [{conv2d: {channels: 1, padding: 1}}]\n", image, "layer1", "[1, 8, 8, 3]",
         "[1, 8, 8, 1]", "cannot be added");
  REFUSE("  - residual:\n    - relu\n    - conv2d: {channels: 0}\n", image,
         "job.yaml:6:", "layer1.2", "channels is 0");
  REFUSE("  - permute: [0, 1, 2]\n", image, "layer1", "batch");
  REFUSE("  - conv2d: {channels: 4, groups: 2}\n", image, "groups is 2", "3 channels");
}

static void refuses_what_is_misspelt(void **state) {
  (void)state;
  const ddla_shape image = DDLA_SHAPE(1, 8, 8, 3);
  REFUSE("  - rleu\n", image, "job.yaml:4:", "'rleu'", "did you mean relu?");
  REFUSE("  - maxpool: 2\n", image, "did you mean max_pool?");
  REFUSE("  - transformer\n", image, "there are: conv2d, conv1d", "softmax");
  REFUSE("  - cross_entropy\n", image, "there are:");
  REFUSE("  - conv2d: {chanels: 3}\n", image, "'chanels'", "did you mean channels?");
  REFUSE("  - conv2d: {channels: 3, colour: 1}\n", image, "'colour'", "kernel=3");
  REFUSE("  - conv2d: {kernel: 3}\n", image, "needs channels");
  REFUSE("  - conv2d\n", image, "needs channels");
  REFUSE("  - conv2d: {channels: many}\n", image, "channels takes a whole number");
  REFUSE("  - conv2d: {channels: [3, 4]}\n", image, "channels takes a whole number");
  REFUSE("  - conv2d: {channels: 3, bias: 7}\n", image, "bias takes true or false");
  REFUSE("  - dropout: much\n", image, "p takes a number");
  REFUSE("  - dropout: 1\n", image, "probability is 1");
  REFUSE("  - relu: 3\n", image, "takes no value");
  REFUSE("  - max_pool\n", image, "needs kernel");
  REFUSE("  - reshape: 4\n", image, "shape takes a list");
  REFUSE("  - reshape: [1, 2, 3, 4, 5, 6, 7]\n", image, "7 numbers");
  REFUSE("  - conv2d: 3\n    max_pool: 2\n", image, "has 2 keys at its top");
  REFUSE("  - [relu]\n", image, "must be a layer's name");
  REFUSE("  - residual: 3\n", image, "takes a list of layers");
  REFUSE("  - residual: {layer: [relu]}\n", image, "\"layer\"");
  REFUSE("    {relu: 1}\n", image, "a list of layers is wanted");
}

static void nesting_ends(void **state) {
  (void)state;
  char text[1024];
  int used = snprintf(text, sizeof text, "  - ");
  for (int i = 0; i < 9; i++)
    used += snprintf(text + used, sizeof text - (size_t)used, "residual: [{");
  used += snprintf(text + used, sizeof text - (size_t)used, "linear: 4");
  for (int i = 0; i < 9; i++) used += snprintf(text + used, sizeof text - (size_t)used, "}]");
  REFUSE(text, DDLA_SHAPE(1, 4), "nested more than 8 deep");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_cnn_as_a_list),
      cmocka_unit_test(all_kinds),
      cmocka_unit_test(more_kinds),
      cmocka_unit_test(refuses_what_more_kinds_do_not_take),
      cmocka_unit_test(the_batch_is_left_alone),
      cmocka_unit_test(recurrent_layers),
      cmocka_unit_test(embeddings),
      cmocka_unit_test(residual_blocks),
      cmocka_unit_test(refuses_what_does_not_fit),
      cmocka_unit_test(refuses_what_is_misspelt),
      cmocka_unit_test(nesting_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
