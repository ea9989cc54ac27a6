/* Layers of a job file's list (model.layers). A layer is a row of layer_list.h and a file of
 * layers/; besides, every op that takes one tensor and attributes (relu, max_pool, …) is a layer
 * under its own name without a row.
 *
 *   layers:
 *     - conv2d: {channels: 32, kernel: 3, padding: 1}
 *     - relu
 *     - max_pool: 2              a lone value stands for the first key
 *     - flatten
 *     - linear: classes          the word stands for the number of classes */
#ifndef DDLA_MODEL_LAYER_ROW_H
#define DDLA_MODEL_LAYER_ROW_H

#include <ddla/graph.h>

#include "base/status.h"
#include "job/yaml.h"

/* What the entries of one list are built with. */
typedef struct ddla_layer_list {
  ddla_graph *graph;
  int64_t classes;
  int64_t vocabulary; /* the input is whole numbers below this; 0: it is real numbers */
  int depth;          /* of this list: 0 outside */
  bool *is_placed;    /* a failure already names its place in the job file */
} ddla_layer_list;

/* One entry of the list. */
typedef struct ddla_layer_use {
  const ddla_layer_list *list;
  char name[DDLA_NAME_BYTES]; /* "layer3", or "layer3.1" inside a residual: the start of its
                                 parameters' names */
  ddla_value x;
  const ddla_yaml *value; /* what stands after the layer's name; null for a bare name */
  ddla_attrs options;     /* the row's keys; booleans are 0 or 1; not filled where keys is null */
} ddla_layer_use;

typedef struct ddla_layer_row {
  const char *name, *help;
  /* "channels= kernel=3 bias=true p=0.5 shape=[]": a default with a point is a real number; nothing
   * after '=': must be given; []: must be given, and is a list. Null: build reads value itself. */
  const char *keys;
  ddla_status (*build)(ddla_value *out, const ddla_layer_use *use);
} ddla_layer_row;

/* The table; count in *count. Borrowed for ever. */
const ddla_layer_row *const *ddla_layer_table(int *count);

/* Builds a list of layers one after another. name: "layer" for the outer list, "layer3." for one
 * inside its third layer. Errors: INVALID with file, line, number and kind of the layer and the
 * shapes; NO_MEMORY. */
ddla_status ddla_layer_build_list(ddla_value *out, const ddla_layer_list *list, const char *name,
                                  ddla_value x, const ddla_yaml *entries);

/* Reads the keys of a layer into options. An op's keys (is_op) may hold lists, and its defaults are
 * left to it. Errors: INVALID naming place, key, what is wrong with it and what is allowed. */
ddla_status ddla_layer_read_options(ddla_attrs *options, const char *keys, bool is_op,
                                    const ddla_layer_use *use);

#endif
