#include "model/recurrent.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "model/layer.h"

enum { FEATURES_MAX = 1 << 24 };

typedef struct recurrent_layer {
  const char *op;   /* "lstm" or "gru" */
  int gates;        /* 4 or 3 */
  int64_t features; /* units */
  bool bias, reverse;
  bool bidirectional; /* both ways side by side: twice the features */
  bool last;          /* only the state behind the last step of each way */
} recurrent_layer;

static ddla_status parameter(ddla_value *out, ddla_graph *graph, const char *name,
                             const recurrent_layer *layer, const char *what,
                             const ddla_shape *shape) {
  char full[2 * DDLA_NAME_BYTES];
  snprintf(full, sizeof full, "%s.%s_l0%s", name, what, layer->reverse ? "_reverse" : "");
  const ddla_init init = {DDLA_INIT_UNIFORM, 1 / sqrt((double)layer->features)};
  return ddla_graph_parameter(out, graph, full, shape, &init);
}

static ddla_status slice_step(ddla_value *x, ddla_graph *graph, int64_t step) {
  const int64_t features = ddla_graph_shape(graph, *x).dim[2];
  ddla_attrs attrs = {0};
  ddla_attrs_set_int(&attrs, "axis", 1);
  ddla_attrs_set_int(&attrs, "begin", step);
  ddla_attrs_set_int(&attrs, "end", step + 1);
  DDLA_TRY(ddla_graph_op(x, graph, "slice", x, 1, &attrs));
  return ddla_layer_reshape(x, graph, *x, &features, 1);
}

/* One way through the sequence. */
static ddla_status way(ddla_value *out, ddla_graph *graph, const char *name, ddla_value x,
                       const recurrent_layer *layer) {
  const ddla_shape shape = ddla_graph_shape(graph, x);
  const int64_t h = layer->features, rows = layer->gates * h;
  const ddla_shape w_input = DDLA_SHAPE(rows, shape.dim[2]), w_hidden = DDLA_SHAPE(rows, h),
                   bias = DDLA_SHAPE(rows);
  ddla_value input[5] = {x};
  ddla_attrs attrs = {0};
  DDLA_TRY(parameter(&input[1], graph, name, layer, "weight_ih", &w_input));
  DDLA_TRY(parameter(&input[2], graph, name, layer, "weight_hh", &w_hidden));
  if (layer->bias) {
    DDLA_TRY(parameter(&input[3], graph, name, layer, "bias_ih", &bias));
    DDLA_TRY(parameter(&input[4], graph, name, layer, "bias_hh", &bias));
  }
  ddla_attrs_set_int(&attrs, "reverse", layer->reverse);
  DDLA_TRY(ddla_graph_op(out, graph, layer->op, input, layer->bias ? 5 : 3, &attrs));
  return layer->last ? slice_step(out, graph, layer->reverse ? 0 : shape.dim[1] - 1) : DDLA_OK;
}

static ddla_status check(const ddla_graph *graph, const char *name, ddla_value x,
                         const recurrent_layer *layer) {
  const ddla_shape shape = ddla_graph_shape(graph, x);
  char text[96];
  if (shape.rank != 3)
    return DDLA_FAIL(INVALID,
                     "%s: its input has shape %s, but it takes sequences [batch, steps, features]; "
                     "`reshape: [steps, features]` makes some",
                     name, ddla_shape_text(text, sizeof text, &shape));
  if (layer->features < 1 || layer->features > FEATURES_MAX)
    return DDLA_FAIL(INVALID, "%s: features is %" PRId64 "; it can be 1 to %d", name,
                     layer->features, FEATURES_MAX);
  if (layer->reverse && layer->bidirectional)
    return DDLA_FAIL(INVALID, "%s: reverse and bidirectional do not go together", name);
  return DDLA_OK;
}

ddla_status ddla_recurrent_layer_build(ddla_value *out, const ddla_layer_use *use, const char *op,
                                       int gates) {
  const ddla_attrs *o = &use->options;
  const bool bidirectional = ddla_attrs_int(o, "bidirectional", 0, 0) != 0;
  ddla_graph *graph = use->list->graph;
  recurrent_layer layer = {.op = op,
                           .gates = gates,
                           .features = ddla_attrs_int(o, "features", 0, 0),
                           .bias = ddla_attrs_int(o, "bias", 0, 0) != 0,
                           .reverse = ddla_attrs_int(o, "reverse", 0, 0) != 0,
                           .bidirectional = bidirectional,
                           .last = ddla_attrs_int(o, "last", 0, 0) != 0};
  DDLA_TRY(check(graph, use->name, use->x, &layer));
  if (!bidirectional) return way(out, graph, use->name, use->x, &layer);
  ddla_value both[2] = {DDLA_NO_VALUE, DDLA_NO_VALUE};
  ddla_attrs attrs = {0};
  DDLA_TRY(way(&both[0], graph, use->name, use->x, &layer));
  layer.reverse = true;
  DDLA_TRY(way(&both[1], graph, use->name, use->x, &layer));
  ddla_attrs_set_int(&attrs, "axis", -1);
  return ddla_graph_op(out, graph, "concat", both, 2, &attrs);
}
