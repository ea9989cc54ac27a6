#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"
#include "model/model.h"
#include "model/summary.h"

static ddla_graph *graph_of(ddla_value *input, const ddla_shape *shape) {
  ddla_graph *graph = NULL;
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(input, graph, "image", DDLA_F32, shape), DDLA_OK);
  return graph;
}

/* Builds with the words of a job ("" for none) and returns the number of parameters. */
static int64_t parameters_of(const char *words, ddla_shape shape, int64_t classes) {
  ddla_value input = 0, logits = 0;
  ddla_job *job = NULL;
  ddla_graph *graph = graph_of(&input, &shape);
  if (ddla_job_load_text(&job, words, strlen(words), "job.yaml") != DDLA_OK)
    fail_msg("%s", ddla_status_message(DDLA_INVALID));
  ddla_status status =
      ddla_model_build(&logits, graph, input, job, &(ddla_model_task){.classes = classes});
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  shape = ddla_graph_shape(graph, logits);
  assert_true(ddla_shape_equal(&shape, &DDLA_SHAPE(1, classes)));
  int64_t total = ddla_graph_parameter_total(graph);
  ddla_job_destroy(job);
  ddla_graph_destroy(graph);
  return total;
}

static void sizes(void **state) {
  (void)state;
  assert_int_equal(parameters_of("train:", DDLA_SHAPE(1, 28, 28, 1), 10), 421642);
  assert_int_equal(parameters_of("model: {dropout: 0.25}", DDLA_SHAPE(1, 28, 28, 1), 10), 421642);
  assert_int_equal(parameters_of("model: {activation: gelu}", DDLA_SHAPE(1, 32, 32, 3), 7),
                   (27 + 1) * 32 + (288 + 1) * 64 + (4096 + 1) * 128 + 129 * 7);
  assert_int_equal(parameters_of("model: {kind: mlp, hidden: [20, 30]}", DDLA_SHAPE(1, 13), 3),
                   14 * 20 + 21 * 30 + 31 * 3);
  assert_int_equal(parameters_of("model: {kind: mlp, hidden: []}", DDLA_SHAPE(1, 5, 5, 2), 4),
                   51 * 4);
  assert_int_equal(
      parameters_of("model: {kind: mlp, hidden: [8], dropout: 0.5}", DDLA_SHAPE(1, 2), 2),
      3 * 8 + 9 * 2);
}

/* Of a patch 4 x 4, 49 patches of 28 x 28, in blocks of four linear layers and two norms. */
static void mixer_sizes(void **state) {
  (void)state;
  const int64_t block =
      2 * 2 * 32 + (49 * 16 + 16) + (16 * 49 + 49) + (32 * 64 + 64) + (64 * 32 + 32);
  assert_int_equal(parameters_of("model: {kind: mlp-mixer, blocks: 3, width: 32, token_width: 16, "
                                 "channel_width: 64}",
                                 DDLA_SHAPE(1, 28, 28, 1), 10),
                   16 * 32 + 32 + 3 * block + 2 * 32 + 33 * 10);
}

/* The numbers of torchvision's models, and for the small form of the paper's with 1x1 shortcuts. */
static void residual_networks(void **state) {
  (void)state;
  const ddla_shape large = DDLA_SHAPE(1, 224, 224, 3), small = DDLA_SHAPE(1, 32, 32, 3);
  assert_int_equal(parameters_of("model: {kind: resnet, depth: 18}", large, 1000), 11689512);
  assert_int_equal(parameters_of("model: {kind: resnet, depth: 34}", large, 1000), 21797672);
  assert_int_equal(parameters_of("model: {kind: resnet, depth: 50}", large, 1000), 25557032);
  assert_int_equal(parameters_of("model: {kind: resnet, depth: 101}", large, 1000), 44549160);
  assert_int_equal(parameters_of("model: {kind: resnet, depth: 20}", small, 10), 272474);
  assert_int_equal(parameters_of("model: {kind: resnet, depth: 56}", small, 10), 855770);
  assert_int_equal(parameters_of("model: {kind: resnet, depth: 110}", small, 10), 1730714);
  /* Block by block: 3 to 8 channels, then 8, 16 and 32 inside bottlenecks of 32, 64 and 128. */
  const int64_t bottlenecks =
      (8 * 8 + 9 * 8 * 8 + 8 * 32 + 8 * 32) + 2 * (8 + 8 + 32 + 32) +
      (32 * 16 + 9 * 16 * 16 + 16 * 64 + 32 * 64) + 2 * (16 + 16 + 64 + 64) +
      (64 * 32 + 9 * 32 * 32 + 32 * 128 + 64 * 128) + 2 * (32 + 32 + 128 + 128);
  assert_int_equal(
      parameters_of("model: {kind: resnet, depth: 11, width: 8, block: bottleneck}", small, 10),
      27 * 8 + 16 + bottlenecks + 129 * 10);
}

static const ddla_graph_parameter_row *find_row(const ddla_graph_parameter_row *rows, int count,
                                                const char *name) {
  for (int i = 0; i < count; i++)
    if (strcmp(rows[i].name, name) == 0) return &rows[i];
  fail_msg("there is no %s", name);
  return NULL;
}

/* Names as torchvision's, so that its files load; each buffer follows the statistic of its layer.
 */
static void names_of_residual_networks(void **state) {
  (void)state;
  static const char *const names[] = {"conv1.weight",          "bn1.bias",
                                      "layer1.0.conv3.weight", "layer1.0.downsample.0.weight",
                                      "layer4.2.bn3.weight",   "fc.bias"};
  ddla_value input = 0, logits = 0;
  ddla_graph *graph = graph_of(&input, &DDLA_SHAPE(1, 64, 64, 3));
  const ddla_model_options options = {.task = {.classes = 7}, .depth = 50};
  assert_int_equal(ddla_model_find("resnet")->build(&logits, graph, input, &options), DDLA_OK);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    find_row(graph->parameter, graph->parameter_count, names[i]);
  const ddla_graph_parameter_row *first =
      find_row(graph->buffer, graph->buffer_count, "layer1.0.downsample.1.running_mean");
  assert_int_equal(first->count, 256);
  assert_int_equal(graph->buffer_count, 2 * 53);
  assert_int_equal(graph->statistic_count, 53);
  for (int i = 0; i < graph->statistic_count; i++) {
    assert_int_equal(graph->statistic[i].rule.mean, graph->buffer[2 * i].offset);
    assert_int_equal(graph->statistic[i].rule.variance, graph->buffer[2 * i + 1].offset);
  }
  ddla_graph_destroy(graph);
}

/* 4.09 billion multiply-adds for ResNet-50 at 224 x 224, as torchvision states. */
static void operations_of_residual_networks(void **state) {
  (void)state;
  ddla_value input = 0, logits = 0;
  ddla_graph *graph = graph_of(&input, &DDLA_SHAPE(1, 224, 224, 3));
  const ddla_model_options options = {.task = {.classes = 1000}, .depth = 50};
  ddla_summary made = {0};
  assert_int_equal(ddla_model_find("resnet")->build(&logits, graph, input, &options), DDLA_OK);
  assert_int_equal(ddla_summary_init(&made, graph), DDLA_OK);
  assert_true(made.flops == 2.0 * 4089184256);
  assert_int_equal(made.buffers, 53120);
  ddla_summary_fini(&made);
  ddla_graph_destroy(graph);
}

static void refuse(const char *words, ddla_shape shape, const char *expected) {
  ddla_value input = 0, logits = -7;
  ddla_job *job = NULL;
  ddla_graph *graph = graph_of(&input, &shape);
  if (ddla_job_load_text(&job, words, strlen(words), "job.yaml") != DDLA_OK)
    fail_msg("%s", ddla_status_message(DDLA_INVALID));
  assert_int_equal(ddla_model_build(&logits, graph, input, job, &(ddla_model_task){.classes = 10}),
                   DDLA_INVALID);
  if (!strstr(ddla_status_message(DDLA_INVALID), expected))
    fail_msg("\"%s\" is not in: %s", expected, ddla_status_message(DDLA_INVALID));
  assert_int_equal(logits, -7);
  ddla_job_destroy(job);
  ddla_graph_destroy(graph);
}

static void refuses(void **state) {
  (void)state;
  refuse("train:", DDLA_SHAPE(1, 13), "the samples are [1, 13]");
  refuse("train:", DDLA_SHAPE(1, 3, 9, 1), "at least 4 x 4");
  refuse("model: {kind: mlp-mixer, patch: 3}", DDLA_SHAPE(1, 8, 8, 1), "model.patch (3)");
  refuse("model: {kind: mlp-mixer}", DDLA_SHAPE(1, 13), "the samples are [1, 13]");
  refuse("model: {kind: cn}", DDLA_SHAPE(1, 8, 8, 1), "cnn");
  refuse("model: {activation: rleu}", DDLA_SHAPE(1, 8, 8, 1), "relu");
  refuse("model: {kind: resnet, depth: 21}", DDLA_SHAPE(1, 8, 8, 1), "6n + 2");
  refuse("model: {kind: resnet, depth: 18, block: bottleneck}", DDLA_SHAPE(1, 8, 8, 1), "9n + 2");
  refuse("model: {kind: resnet}", DDLA_SHAPE(1, 13), "mlp");
  refuse("model: {activation: max_pool}", DDLA_SHAPE(1, 8, 8, 1), "model.activation");
}

/* Weights within 1 / sqrt(fan-in) and filling that range; no two dropouts draw the same numbers. */
static void starts_as_promised(void **state) {
  (void)state;
  ddla_value input = 0, x = 0;
  ddla_graph *graph = graph_of(&input, &DDLA_SHAPE(1, 6, 6, 4));
  assert_int_equal(
      ddla_layer_conv2d(&x, graph, "c", input, &(ddla_conv2d_options){.channels = 6, .groups = 2}),
      0);
  assert_int_equal(ddla_layer_dropout(&x, graph, x, 0.5), DDLA_OK);
  assert_int_equal(ddla_layer_dropout(&x, graph, x, 0.5), DDLA_OK);
  assert_int_equal(ddla_layer_apply(&x, graph, "relu", x), DDLA_OK);
  assert_int_equal(ddla_layer_dropout(&x, graph, x, 0.5), DDLA_OK);
  assert_int_equal(ddla_attrs_int(&graph->use[4].attrs, "stream", 0, -1), 2);
  assert_int_equal(graph->parameter_count, 2);
  assert_true(ddla_shape_equal(&graph->parameter[0].shape, &DDLA_SHAPE(6, 2, 3, 3)));
  const double bound = 0.23570226039551584; /* 1 / sqrt(18) */
  for (int p = 0; p < 2; p++) {
    assert_int_equal(graph->parameter[p].init.kind, DDLA_INIT_UNIFORM);
    assert_true(graph->parameter[p].init.scale - bound < 1e-15 &&
                bound - graph->parameter[p].init.scale < 1e-15);
  }
  assert_string_equal(graph->parameter[1].name, "c.bias");
  assert_int_equal(graph->input_count, 2);
  for (int u = 1; u < 3; u++)
    assert_int_equal(ddla_attrs_int(&graph->use[u].attrs, "stream", 0, -1), u - 1);
  assert_int_equal(ddla_layer_conv2d(&x, graph, "c", input, &(ddla_conv2d_options){.channels = 6}),
                   DDLA_INVALID);
  assert_int_equal(ddla_layer_dropout(&x, graph, x, 1), DDLA_INVALID);
  assert_int_equal(
      ddla_layer_conv2d(&x, graph, "d", input, &(ddla_conv2d_options){.channels = 5, .groups = 2}),
      DDLA_INVALID);
  ddla_graph_destroy(graph);
}

/* Parameters of a transformer on windows of 12 of 9 tokens, by the words of a job; 0 if refused. */
static int64_t transformer_of(const char *words, int64_t positions, ddla_graph **kept) {
  ddla_value input = 0, logits = 0;
  ddla_job *job = NULL;
  ddla_graph *graph = NULL;
  const ddla_model_task task = {.classes = 9, .positions = positions, .vocabulary = 9};
  const ddla_shape tokens = DDLA_SHAPE(1, 12);
  assert_int_equal(ddla_graph_create(&graph), DDLA_OK);
  assert_int_equal(ddla_graph_input(&input, graph, "tokens", DDLA_I32, &tokens), DDLA_OK);
  assert_int_equal(ddla_job_load_text(&job, words, strlen(words), "job.yaml"), DDLA_OK);
  ddla_status status = ddla_model_build(&logits, graph, input, job, &task);
  int64_t total = status == DDLA_OK ? ddla_graph_parameter_total(graph) : 0;
  ddla_job_destroy(job);
  if (kept && status == DDLA_OK) *kept = graph;
  else ddla_graph_destroy(graph);
  return total;
}

static void transformers(void **state) {
  (void)state;
  enum { W = 8, BLOCK = 4 * W + (W + 1) * 3 * W + (W + 1) * W + (W + 1) * 4 * W + (4 * W + 1) * W };
  ddla_graph *graph = NULL;
  assert_int_equal(transformer_of("model: {kind: transformer-decoder, blocks: 2, width: 8, heads: "
                                  "2, window: 12}",
                                  12, &graph),
                   9 * W + 12 * W + 2 * BLOCK + 2 * W);
  static const char *const names[] = {"transformer.wte.weight", "transformer.wpe.weight",
                                      "transformer.h.0.ln_1.weight", "transformer.h.0.ln_1.bias",
                                      "transformer.h.0.attn.c_attn.weight"};
  for (int i = 0; i < 5; i++) assert_string_equal(graph->parameter[i].name, names[i]);
  assert_string_equal(graph->parameter[graph->parameter_count - 1].name, "transformer.ln_f.bias");
  ddla_graph_destroy(graph);
  assert_int_equal(transformer_of("model: {kind: transformer-decoder, blocks: 1, width: 8, heads: "
                                  "2, window: 20, positions: rotary, tied: false}",
                                  12, NULL),
                   9 * W + BLOCK + 2 * W + 9 * W);
  static const char encoder[] =
      "model: {kind: transformer-encoder, blocks: 1, width: 8, heads: 4, window: 12}";
  assert_int_equal(transformer_of(encoder, 12, NULL), 21 * W + BLOCK + 2 * W + 9 * (W + 1));
  assert_int_equal(transformer_of(encoder, 0, NULL), 21 * W + BLOCK + 2 * W + 9 * (W + 1));
  assert_int_equal(transformer_of("model: {kind: transformer-decoder}", 0, NULL), 0);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "transformer-encoder does that"));
  assert_int_equal(transformer_of("model: {kind: transformer-decoder, window: 11}", 12, NULL), 0);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "more than model.window (11)"));
  assert_int_equal(transformer_of("model: {kind: transformer-decoder, width: 12, heads: 4, "
                                  "positions: rotary}",
                                  12, NULL),
                   0);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "is odd"));
}

static void summary(void **state) {
  (void)state;
  ddla_value input = 0, logits = 0;
  ddla_graph *graph = graph_of(&input, &DDLA_SHAPE(1, 28, 28, 1));
  const ddla_model_options options = {.task = {.classes = 10}};
  assert_int_equal(ddla_model_find("cnn")->build(&logits, graph, input, &options), DDLA_OK);
  ddla_summary made = {0};
  assert_int_equal(ddla_summary_init(&made, graph), DDLA_OK);
  assert_int_equal(made.count, 10);
  assert_int_equal(made.parameters, 421642);
  assert_string_equal(made.rows[0].name, "conv1");
  assert_int_equal(made.rows[0].parameters, 320);
  assert_true(made.rows[0].flops == 2.0 * 28 * 28 * 32 * 9);
  assert_string_equal(made.rows[1].kind, "relu");
  assert_string_equal(made.rows[1].name, "");
  int64_t sum = 0;
  for (int i = 0; i < made.count; i++) sum += made.rows[i].parameters;
  assert_int_equal(sum, made.parameters);
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  ddla_summary_print(&made, file);
  fclose(file);
  assert_non_null(strstr(text, "421,642"));
  assert_non_null(strstr(text, "[1, 14, 14, 64]"));
  free(text);
  ddla_summary_fini(&made);
  ddla_graph_destroy(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mixer_sizes),
      cmocka_unit_test(sizes),
      cmocka_unit_test(residual_networks),
      cmocka_unit_test(names_of_residual_networks),
      cmocka_unit_test(operations_of_residual_networks),
      cmocka_unit_test(refuses),
      cmocka_unit_test(starts_as_promised),
      cmocka_unit_test(transformers),
      cmocka_unit_test(summary),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
