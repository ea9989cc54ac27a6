/* Recurrent layers: the ops lstm and gru with their parameters. */
#ifndef DDLA_MODEL_RECURRENT_H
#define DDLA_MODEL_RECURRENT_H

#include <ddla/graph.h>

#include "base/status.h"

typedef struct ddla_recurrent_layer {
  const char *op;   /* "lstm" or "gru" */
  int gates;        /* 4 or 3 */
  int64_t features; /* units */
  bool bias, reverse;
  bool bidirectional; /* both ways side by side: twice the features */
  bool last;          /* only the state behind the last step of each way */
} ddla_recurrent_layer;

/* x [N, S, I] -> [N, S, features], or [N, features] of the last step. Parameters are called as in
 * PyTorch's nn.LSTM and nn.GRU, "<name>.weight_ih_l0" and so on, with "_reverse" for the way back,
 * and start uniform within 1 / sqrt(features). Errors: INVALID, NO_MEMORY. */
ddla_status ddla_recurrent_layer_build(ddla_value *out, ddla_graph *graph, const char *name,
                                       ddla_value x, const ddla_recurrent_layer *layer);

#endif
