/* Layers with options that the public builders (ddla/graph.h) leave out. */
#ifndef DDLA_MODEL_LAYER_H
#define DDLA_MODEL_LAYER_H

#include <ddla/graph.h>

#include "base/status.h"

/* As ddla_layer_linear, with a bias or without. x [N, ..., I] -> [N, ..., features]. */
ddla_status ddla_layer_linear_plain(ddla_value *out, ddla_graph *graph, const char *name,
                                    ddla_value x, int64_t features, bool bias);

/* A parameter "<layer>.<what>": uniform within 1 / sqrt(fan_in), as weights and biases of conv2d
 * and linear start, or the same number (0 or 1) everywhere. Errors: INVALID, NO_MEMORY. */
ddla_status ddla_layer_weight(ddla_value *out, ddla_graph *graph, const char *layer,
                              const char *what, const ddla_shape *shape, int64_t fan_in);
ddla_status ddla_layer_constant(ddla_value *out, ddla_graph *graph, const char *layer,
                                const char *what, const ddla_shape *shape, ddla_init_kind kind);

/* Value of an option, from `least` to 2^31. Errors: INVALID naming layer and option. */
ddla_status ddla_layer_check_size(const char *layer, const char *what, int64_t value,
                                  int64_t least);
/* As ddla_layer_conv2d, with weights that start as `init` says; null: as there. */
ddla_status ddla_layer_conv2d_from(ddla_value *out, ddla_graph *graph, const char *name,
                                   ddla_value x, const ddla_conv2d_options *options,
                                   const ddla_init *init);

/* x with another shape; `wanted` holds the dimensions after the batch, one of them may be -1. */
ddla_status ddla_layer_reshape(ddla_value *out, ddla_graph *graph, ddla_value x,
                               const int64_t *wanted, int count);

#endif
