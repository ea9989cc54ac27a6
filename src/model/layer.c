/* Layers: ops together with their parameters. Weights and biases start uniform within 1 /
 * sqrt(fan-in), as PyTorch's Linear and Conv2d do (there written as Kaiming-uniform with a =
 * sqrt(5)). */
#include "model/layer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

ddla_status ddla_layer_weight(ddla_value *out, ddla_graph *graph, const char *layer,
                              const char *what, const ddla_shape *shape, int64_t fan_in) {
  const ddla_init init = {DDLA_INIT_UNIFORM, 1 / sqrt((double)fan_in)};
  char name[2 * DDLA_NAME_BYTES];
  snprintf(name, sizeof name, "%s.%s", layer, what);
  return ddla_graph_parameter(out, graph, name, shape, &init);
}

ddla_status ddla_layer_constant(ddla_value *out, ddla_graph *graph, const char *layer,
                                const char *what, const ddla_shape *shape, ddla_init_kind kind) {
  char name[2 * DDLA_NAME_BYTES];
  snprintf(name, sizeof name, "%s.%s", layer, what);
  return ddla_graph_parameter(out, graph, name, shape, &(ddla_init){.kind = kind});
}

ddla_status ddla_layer_check_size(const char *layer, const char *what, int64_t value,
                                  int64_t least) {
  static const int64_t most = INT64_C(1) << 31;
  if (value >= least && value <= most) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s: %s is %" PRId64 "; it can be %" PRId64 " to %" PRId64, layer, what,
                   value, least, most);
}

static ddla_status check_rank(const ddla_graph *graph, const char *layer, ddla_value x, int low,
                              int high, const char *wanted) {
  ddla_shape shape = ddla_graph_shape(graph, x);
  if (shape.rank >= low && shape.rank <= high) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "%s: its input has shape %s, but it takes %s", layer,
                   ddla_shape_text(text, sizeof text, &shape), wanted);
}

static ddla_status check_conv2d(const ddla_graph *graph, const char *name, ddla_value x,
                                const ddla_conv2d_options *o) {
  DDLA_TRY(check_rank(graph, name, x, 4, 4, "images [batch, height, width, channels]"));
  DDLA_TRY(ddla_layer_check_size(name, "channels", o->channels, 1));
  DDLA_TRY(ddla_layer_check_size(name, "kernel", o->kernel, 1));
  DDLA_TRY(ddla_layer_check_size(name, "stride", o->stride, 1));
  DDLA_TRY(ddla_layer_check_size(name, "padding", o->padding, 0));
  DDLA_TRY(ddla_layer_check_size(name, "groups", o->groups, 1));
  int64_t channels = ddla_graph_shape(graph, x).dim[3];
  if (channels % o->groups == 0 && o->channels % o->groups == 0) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s: groups is %" PRId64 ", but must divide the input's %" PRId64
                   " channels and the output's %" PRId64,
                   name, o->groups, channels, o->channels);
}

ddla_status ddla_layer_conv2d(ddla_value *out, ddla_graph *graph, const char *name, ddla_value x,
                              const ddla_conv2d_options *options) {
  return ddla_layer_conv2d_from(out, graph, name, x, options, NULL);
}

ddla_status ddla_layer_conv2d_from(ddla_value *out, ddla_graph *graph, const char *name,
                                   ddla_value x, const ddla_conv2d_options *options,
                                   const ddla_init *init) {
  ddla_conv2d_options o = *options;
  if (o.kernel == 0) o.kernel = 3;
  if (o.stride == 0) o.stride = 1;
  if (o.groups == 0) o.groups = 1;
  DDLA_TRY(check_conv2d(graph, name, x, &o));
  const int64_t in = ddla_graph_shape(graph, x).dim[3] / o.groups,
                fan_in = in * o.kernel * o.kernel;
  const ddla_shape weight = DDLA_SHAPE(o.channels, in, o.kernel, o.kernel),
                   bias = DDLA_SHAPE(o.channels);
  ddla_value input[3] = {x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  char weight_name[2 * DDLA_NAME_BYTES];
  snprintf(weight_name, sizeof weight_name, "%s.weight", name);
  DDLA_TRY(init ? ddla_graph_parameter(&input[1], graph, weight_name, &weight, init)
                : ddla_layer_weight(&input[1], graph, name, "weight", &weight, fan_in));
  if (!o.no_bias) DDLA_TRY(ddla_layer_weight(&input[2], graph, name, "bias", &bias, fan_in));
  ddla_attrs attrs = {0};
  ddla_attrs_set_int(&attrs, "stride", o.stride);
  ddla_attrs_set_int(&attrs, "padding", o.padding);
  ddla_attrs_set_int(&attrs, "groups", o.groups);
  return ddla_graph_op(out, graph, "conv2d", input, o.no_bias ? 2 : 3, &attrs);
}

ddla_status ddla_layer_linear_plain(ddla_value *out, ddla_graph *graph, const char *name,
                                    ddla_value x, int64_t features, bool bias) {
  DDLA_TRY(check_rank(graph, name, x, 2, DDLA_RANK_MAX, "rows [batch, features]"));
  DDLA_TRY(ddla_layer_check_size(name, "features", features, 1));
  const ddla_shape shape = ddla_graph_shape(graph, x);
  const int64_t in = shape.dim[shape.rank - 1];
  const ddla_shape weight_shape = DDLA_SHAPE(features, in), bias_shape = DDLA_SHAPE(features);
  ddla_value input[3] = {x, DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(ddla_layer_weight(&input[1], graph, name, "weight", &weight_shape, in));
  if (bias) DDLA_TRY(ddla_layer_weight(&input[2], graph, name, "bias", &bias_shape, in));
  return ddla_graph_op(out, graph, "linear", input, bias ? 3 : 2, NULL);
}

ddla_status ddla_layer_linear(ddla_value *out, ddla_graph *graph, const char *name, ddla_value x,
                              int64_t features) {
  return ddla_layer_linear_plain(out, graph, name, x, features, true);
}

ddla_status ddla_layer_reshape(ddla_value *out, ddla_graph *graph, ddla_value x,
                               const int64_t *wanted, int count) {
  int64_t dim[DDLA_RANK_MAX] = {0}; /* 0: the batch stays */
  if (count < 0 || count >= DDLA_RANK_MAX)
    return DDLA_FAIL(INVALID, "reshape: %d dimensions after the batch; at most %d are possible",
                     count, DDLA_RANK_MAX - 1);
  for (int i = 0; i < count; i++) dim[1 + i] = wanted[i];
  ddla_attrs attrs = {0};
  ddla_attrs_set_ints(&attrs, "shape", dim, 1 + count);
  return ddla_graph_op(out, graph, "reshape", &x, 1, &attrs);
}

ddla_status ddla_layer_flatten(ddla_value *out, ddla_graph *graph, ddla_value x) {
  return ddla_layer_reshape(out, graph, x, (int64_t[]){-1}, 1);
}

ddla_status ddla_layer_max_pool(ddla_value *out, ddla_graph *graph, ddla_value x, int64_t window) {
  ddla_attrs attrs = {0};
  ddla_attrs_set_int(&attrs, "kernel", window);
  return ddla_graph_op(out, graph, "max_pool", &x, 1, &attrs);
}

/* A parameter or, where is_buffer, a buffer "<layer>.<what>" [channels]. */
static ddla_status vector(ddla_value *out, ddla_graph *graph, const char *name, int64_t channels,
                          ddla_init_kind kind, bool is_buffer) {
  const ddla_init init = {kind, 0};
  const ddla_shape shape = DDLA_SHAPE(channels);
  return is_buffer ? ddla_graph_buffer(out, graph, name, &shape, &init)
                   : ddla_graph_parameter(out, graph, name, &shape, &init);
}

ddla_status ddla_layer_batch_norm(ddla_value *out, ddla_graph *graph, const char *name,
                                  ddla_value x, const ddla_batch_norm_options *options) {
  static const struct {
    const char *what;
    ddla_init_kind kind;
    bool is_buffer;
  } rows[] = {{"weight", DDLA_INIT_ONES, false},
              {"bias", DDLA_INIT_ZEROS, false},
              {"running_mean", DDLA_INIT_ZEROS, true},
              {"running_var", DDLA_INIT_ONES, true}};
  ddla_batch_norm_options o = options ? *options : (ddla_batch_norm_options){0};
  DDLA_TRY(check_rank(graph, name, x, 2, DDLA_RANK_MAX, "[batch, ..., channels]"));
  const ddla_shape shape = ddla_graph_shape(graph, x);
  ddla_value input[5] = {x}, made[2] = {DDLA_NO_VALUE, DDLA_NO_VALUE};
  for (int i = 0; i < 4; i++) {
    char full[2 * DDLA_NAME_BYTES];
    snprintf(full, sizeof full, "%s.%s", name, rows[i].what);
    DDLA_TRY(vector(&input[1 + i], graph, full, shape.dim[shape.rank - 1], rows[i].kind,
                    rows[i].is_buffer));
  }
  ddla_attrs attrs = {0};
  ddla_attrs_set_real(&attrs, "epsilon", o.epsilon != 0 ? o.epsilon : 1e-5);
  DDLA_TRY(ddla_graph_op(made, graph, "batch_norm", input, 5, &attrs));
  DDLA_TRY(
      ddla_graph_statistic(graph, made[1], input[3], input[4], o.momentum != 0 ? o.momentum : 0.1));
  *out = made[0];
  return DDLA_OK;
}

/* Each dropout of a graph draws from a stream of its own: the number of dropouts before it. */
static int64_t dropout_stream(const ddla_graph *graph) {
  int64_t stream = 0;
  for (int i = 0; i < graph->use_count; i++)
    stream += strcmp(graph->use[i].op->name, "dropout") == 0;
  return stream;
}

ddla_status ddla_layer_dropout(ddla_value *out, ddla_graph *graph, ddla_value x,
                               double probability) {
  if (!(probability >= 0 && probability < 1))
    return DDLA_FAIL(INVALID, "dropout: the probability is %g; it can be 0 to below 1",
                     probability);
  ddla_value input[2] = {x, ddla_graph_find(graph, "key")};
  if (input[1] == DDLA_NO_VALUE) {
    const ddla_shape shape = DDLA_SHAPE(1);
    DDLA_TRY(ddla_graph_input(&input[1], graph, "key", DDLA_I64, &shape));
  }
  ddla_attrs attrs = {0};
  ddla_attrs_set_real(&attrs, "p", probability);
  ddla_attrs_set_int(&attrs, "stream", dropout_stream(graph));
  return ddla_graph_op(out, graph, "dropout", input, 2, &attrs);
}

ddla_status ddla_layer_apply(ddla_value *out, ddla_graph *graph, const char *op, ddla_value x) {
  return ddla_graph_op(out, graph, op, &x, 1, NULL);
}
