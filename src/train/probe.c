#include "train/probe.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "train/lane.h"

enum { BATCH = 16, SIDE = 28, CLASSES = 10, SEED = 1 };

/* The network and what it is run on. */
typedef struct probe {
  ddla_graph *graph;
  ddla_value image, label, logits, outcome[2]; /* outcome: loss and count */
  ddla_lane lane;
  float *parameters, *gradients;
} probe;

static ddla_status add_block(ddla_value *x, ddla_graph *graph, const char *name, int64_t channels) {
  const ddla_conv2d_options options = {.channels = channels, .padding = 1};
  DDLA_TRY(ddla_layer_conv2d(x, graph, name, *x, &options));
  DDLA_TRY(ddla_layer_apply(x, graph, "relu", *x));
  return ddla_layer_max_pool(x, graph, *x, 2);
}

static ddla_status build(probe *made) {
  const ddla_shape image = DDLA_SHAPE(1, SIDE, SIDE, 1), label = DDLA_SHAPE(1);
  ddla_graph *graph = made->graph;
  DDLA_TRY(ddla_graph_input(&made->image, graph, "image", DDLA_F32, &image));
  DDLA_TRY(ddla_graph_input(&made->label, graph, "label", DDLA_I32, &label));
  ddla_value x = made->image;
  DDLA_TRY(add_block(&x, graph, "conv1", 32));
  DDLA_TRY(add_block(&x, graph, "conv2", 64));
  DDLA_TRY(ddla_layer_flatten(&x, graph, x));
  DDLA_TRY(ddla_layer_linear(&x, graph, "linear1", x, 128));
  DDLA_TRY(ddla_layer_apply(&x, graph, "relu", x));
  DDLA_TRY(ddla_layer_linear(&made->logits, graph, "linear2", x, CLASSES));
  DDLA_TRY(ddla_graph_output(graph, "logits", made->logits));
  const ddla_value input[2] = {made->logits, made->label};
  DDLA_TRY(ddla_graph_op(made->outcome, graph, "cross_entropy", input, 2, NULL));
  return ddla_graph_output(graph, "loss", made->outcome[0]);
}

static void feed(const ddla_plan *plan, const probe *made) {
  float *image = ddla_plan_value(plan, made->image).data;
  int32_t *label = ddla_plan_value(plan, made->label).data;
  ddla_rng rng = ddla_rng_make(ddla_rng_key(SEED, DDLA_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < BATCH * SIDE * SIDE; i++) image[i] = ddla_rng_uniform(&rng) - 0.5f;
  for (int i = 0; i < BATCH; i++) label[i] = (int32_t)ddla_rng_below(&rng, CLASSES);
}

static ddla_status compute(char out[DDLA_XXH128_TEXT_BYTES], probe *made) {
  char part[3][DDLA_XXH128_TEXT_BYTES];
  ddla_plan *plan = NULL;
  int64_t space = ddla_graph_space(made->graph);
  made->lane.graph = made->graph;
  made->lane.loss = made->outcome[0];
  DDLA_TRY(DDLA_NEW(made->parameters, space));
  DDLA_TRY(DDLA_NEW(made->gradients, space));
  DDLA_TRY(ddla_lane_plan_for(&plan, &made->lane, BATCH, true));
  ddla_graph_initialise(made->graph, SEED, made->parameters);
  feed(plan, made);
  const ddla_plan_run run = {.parameters = made->parameters, .gradients = made->gradients};
  DDLA_TRY(ddla_plan_execute(plan, &run));
  ddla_xxh128_of(part[0], ddla_plan_value(plan, made->logits).data,
                 sizeof(float) * BATCH * CLASSES);
  ddla_xxh128_of(part[1], ddla_plan_value(plan, made->outcome[0]).data, sizeof(double));
  ddla_xxh128_of(part[2], made->gradients, (size_t)space * sizeof *made->gradients);
  ddla_xxh128_of(out, part, sizeof part);
  return DDLA_OK;
}

ddla_status ddla_probe_run(char out[DDLA_XXH128_TEXT_BYTES], ddla_precision precision) {
  probe made = {.lane.precision = precision};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_graph_create(&made.graph));
  DDLA_TRY_CLEAN(status, build(&made));
  DDLA_TRY_CLEAN(status, compute(out, &made));
cleanup:
  ddla_lane_fini(&made.lane);
  ddla_free(made.parameters);
  ddla_free(made.gradients);
  ddla_graph_destroy(made.graph);
  return status;
}
