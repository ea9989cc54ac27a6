/* Learned vectors: every whole number becomes the row of a table that it names. The table is
 * "<layer>.weight" [rows, width] and starts normal with deviation 1, as PyTorch's Embedding does.
 */
#include <inttypes.h>
#include <stdio.h>

#include "model/layer.h"
#include "model/layer_row.h"

/* Columns of a table of numbers become indices. */
static ddla_status to_indices(ddla_value *x, ddla_graph *graph) {
  if (ddla_graph_dtype(graph, *x) == DDLA_I32) return DDLA_OK;
  if (ddla_graph_shape(graph, *x).rank > 2) DDLA_TRY(ddla_layer_flatten(x, graph, *x));
  return ddla_graph_op(x, graph, "to_i32", x, 1, NULL);
}

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  ddla_graph *graph = use->list->graph;
  int64_t rows = ddla_attrs_int(&use->options, "rows", 0, 0);
  const int64_t width = ddla_attrs_int(&use->options, "width", 0, 0);
  char name[2 * DDLA_NAME_BYTES];
  ddla_value input[2] = {use->x, DDLA_NO_VALUE};
  if (rows == 0) rows = use->list->vocabulary;
  if (rows == 0)
    return DDLA_FAIL(INVALID,
                     "%s: needs rows, one more than the largest number in the data; only "
                     "texts bring it along",
                     use->name);
  DDLA_TRY(ddla_layer_check_size(use->name, "rows", rows, 1));
  DDLA_TRY(ddla_layer_check_size(use->name, "width", width, 1));
  DDLA_TRY(to_indices(&input[0], graph));
  snprintf(name, sizeof name, "%s.weight", use->name);
  DDLA_TRY(ddla_graph_parameter(&input[1], graph, name, &DDLA_SHAPE(rows, width),
                                &(ddla_init){DDLA_INIT_NORMAL, 1}));
  if (ddla_attrs_int(&use->options, "sparse", 0, 0) != 0)
    DDLA_TRY(ddla_graph_sparse(graph, input[1]));
  return ddla_graph_op(out, graph, "embedding", input, 2, NULL);
}

const ddla_layer_row ddla_layer_row_embedding = {.name = "embedding",
                                                 .help =
                                                     "whole numbers become rows of a learned table",
                                                 .keys = "width= rows=0 sparse=false",
                                                 .build = build};
