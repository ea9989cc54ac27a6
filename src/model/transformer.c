#include "model/transformer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const double start_deviation = 0.02;

static ddla_status parameter(ddla_value *out, ddla_graph *graph, const char *layer,
                             const char *what, const ddla_shape *shape, ddla_init init) {
  char name[2 * DDLA_NAME_BYTES];
  snprintf(name, sizeof name, "%s.%s", layer, what);
  return ddla_graph_parameter(out, graph, name, shape, &init);
}

ddla_status ddla_transformer_linear(ddla_value *x, const ddla_transformer *made, const char *name,
                                    int64_t features, double deviation) {
  const ddla_shape shape = ddla_graph_shape(made->graph, *x);
  const ddla_shape weight = DDLA_SHAPE(features, shape.dim[shape.rank - 1]),
                   bias = DDLA_SHAPE(features);
  ddla_value input[3] = {*x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(parameter(&input[1], made->graph, name, "weight", &weight,
                     (ddla_init){DDLA_INIT_NORMAL, deviation}));
  DDLA_TRY(
      parameter(&input[2], made->graph, name, "bias", &bias, (ddla_init){.kind = DDLA_INIT_ZEROS}));
  return ddla_graph_op(x, made->graph, "linear", input, 3, NULL);
}

static ddla_status norm(ddla_value *x, const ddla_transformer *made, const char *name) {
  const ddla_shape shape = DDLA_SHAPE(made->options->width);
  ddla_value input[3] = {*x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(parameter(&input[1], made->graph, name, "weight", &shape,
                     (ddla_init){.kind = DDLA_INIT_ONES}));
  DDLA_TRY(parameter(&input[2], made->graph, name, "bias", &shape,
                     (ddla_init){.kind = DDLA_INIT_ZEROS}));
  return ddla_graph_op(x, made->graph, "layer_norm", input, 3, NULL);
}

static ddla_status drop(ddla_value *x, const ddla_transformer *made) {
  const double p = made->options->dropout;
  return p > 0 ? ddla_layer_dropout(x, made->graph, *x, p) : DDLA_OK;
}

static ddla_status check(const ddla_transformer *made, ddla_value tokens) {
  const ddla_model_options *o = made->options;
  const ddla_shape shape = ddla_graph_shape(made->graph, tokens);
  if (o->task.vocabulary < 1 || shape.rank != 2) {
    char text[96];
    return DDLA_FAIL(INVALID,
                     "takes sequences of tokens [batch, length], but the samples are %s of real "
                     "numbers; it is for text",
                     ddla_shape_text(text, sizeof text, &shape));
  }
  if (shape.dim[1] > o->window)
    return DDLA_FAIL(INVALID,
                     "sequences have %" PRId64 " tokens, more than model.window (%" PRId64 ")",
                     shape.dim[1], o->window);
  if (o->heads < 1 || o->width % o->heads != 0)
    return DDLA_FAIL(INVALID,
                     "model.width is %" PRId64 ", which %" PRId64
                     " heads (model.heads) cannot share evenly",
                     o->width, o->heads);
  if (o->rotary && o->width / o->heads % 2 != 0)
    return DDLA_FAIL(INVALID,
                     "model.positions is rotary, which needs heads of an even width, but %" PRId64
                     " / %" PRId64 " is odd",
                     o->width, o->heads);
  return DDLA_OK;
}

static ddla_status embed(ddla_value *x, ddla_transformer *made, ddla_value tokens) {
  const ddla_model_options *o = made->options;
  const ddla_shape table = DDLA_SHAPE(o->task.vocabulary, o->width),
                   places = DDLA_SHAPE(o->window, o->width);
  const ddla_init init = {DDLA_INIT_NORMAL, start_deviation};
  ddla_value input[3] = {tokens, DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(parameter(&input[1], made->graph, "transformer.wte", "weight", &table, init));
  if (!o->rotary)
    DDLA_TRY(parameter(&input[2], made->graph, "transformer.wpe", "weight", &places, init));
  made->table = input[1];
  if (o->sparse) DDLA_TRY(ddla_graph_sparse(made->graph, made->table));
  DDLA_TRY(ddla_graph_op(x, made->graph, "embedding", input, o->rotary ? 2 : 3, NULL));
  return drop(x, made);
}

/* Queries and keys lie before the values. */
static ddla_status turn(ddla_value *x, const ddla_transformer *made) {
  const ddla_model_options *o = made->options;
  ddla_attrs attrs = {0};
  ddla_attrs_set_int(&attrs, "head", o->width / o->heads);
  ddla_attrs_set_int(&attrs, "columns", 2 * o->width);
  return ddla_graph_op(x, made->graph, "rotary", x, 1, &attrs);
}

static ddla_status attend(ddla_value *x, const ddla_transformer *made, const char *block,
                          double deviation) {
  const ddla_model_options *o = made->options;
  char name[DDLA_NAME_BYTES];
  ddla_attrs attrs = {0};
  ddla_attrs_set_int(&attrs, "heads", o->heads);
  ddla_attrs_set_int(&attrs, "causal", made->causal);
  snprintf(name, sizeof name, "%s.ln_1", block);
  DDLA_TRY(norm(x, made, name));
  snprintf(name, sizeof name, "%s.attn.c_attn", block);
  DDLA_TRY(ddla_transformer_linear(x, made, name, 3 * o->width, start_deviation));
  if (o->rotary) DDLA_TRY(turn(x, made));
  DDLA_TRY(ddla_graph_op(x, made->graph, "attention", x, 1, &attrs));
  snprintf(name, sizeof name, "%s.attn.c_proj", block);
  DDLA_TRY(ddla_transformer_linear(x, made, name, o->width, deviation));
  return drop(x, made);
}

static ddla_status feed_forward(ddla_value *x, const ddla_transformer *made, const char *block,
                                double deviation) {
  char name[DDLA_NAME_BYTES];
  snprintf(name, sizeof name, "%s.ln_2", block);
  DDLA_TRY(norm(x, made, name));
  snprintf(name, sizeof name, "%s.mlp.c_fc", block);
  DDLA_TRY(ddla_transformer_linear(x, made, name, 4 * made->options->width, start_deviation));
  DDLA_TRY(ddla_layer_apply(x, made->graph, "gelu", *x));
  snprintf(name, sizeof name, "%s.mlp.c_proj", block);
  DDLA_TRY(ddla_transformer_linear(x, made, name, made->options->width, deviation));
  return drop(x, made);
}

static ddla_status add_block(ddla_value *x, const ddla_transformer *made, int64_t index) {
  char block[DDLA_NAME_BYTES - 16]; /* room for the layers behind it */
  const double deviation = start_deviation / sqrt(2.0 * (double)made->options->blocks);
  ddla_value sum[2] = {*x, *x};
  snprintf(block, sizeof block, "transformer.h.%" PRId64, index);
  DDLA_TRY(attend(&sum[1], made, block, deviation));
  DDLA_TRY(ddla_graph_op(&sum[0], made->graph, "add", sum, 2, NULL));
  sum[1] = sum[0];
  DDLA_TRY(feed_forward(&sum[1], made, block, deviation));
  return ddla_graph_op(x, made->graph, "add", sum, 2, NULL);
}

ddla_status ddla_transformer_build(ddla_value *out, ddla_transformer *made, ddla_value tokens) {
  ddla_value x = tokens;
  DDLA_TRY(check(made, tokens));
  DDLA_TRY(embed(&x, made, tokens));
  for (int64_t b = 0; b < made->options->blocks; b++) DDLA_TRY(add_block(&x, made, b));
  DDLA_TRY(norm(&x, made, "transformer.ln_f"));
  *out = x;
  return DDLA_OK;
}
