/* Layers with options that the public builders (ddla/graph.h) leave out. */
#ifndef DDLA_MODEL_LAYER_H
#define DDLA_MODEL_LAYER_H

#include <ddla/graph.h>

#include "base/status.h"

/* As ddla_layer_linear, with a bias or without. x [N, ..., I] -> [N, ..., features]. */
ddla_status ddla_layer_linear_plain(ddla_value *out, ddla_graph *graph, const char *name,
                                    ddla_value x, int64_t features, bool bias);

/* x with another shape; `wanted` holds the dimensions after the batch, one of them may be -1. */
ddla_status ddla_layer_reshape(ddla_value *out, ddla_graph *graph, ddla_value x,
                               const int64_t *wanted, int count);

#endif
