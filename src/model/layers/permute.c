/* Dimensions of each sample in another order; the batch stays first. */
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  int64_t order[DDLA_ATTR_VALUES_MAX] = {0};
  const int count = ddla_attrs_count(&use->options, "order");
  if (count >= DDLA_ATTR_VALUES_MAX) return DDLA_FAIL(INVALID, "order has too many dimensions");
  for (int i = 0; i < count; i++) {
    order[1 + i] = ddla_attrs_int(&use->options, "order", i, 0);
    if (order[1 + i] < 1)
      return DDLA_FAIL(INVALID,
                       "order holds dimensions from 1 on; 0 is the batch, which stays first");
  }
  ddla_attrs attrs = {0};
  ddla_attrs_set_ints(&attrs, "order", order, 1 + count);
  return ddla_graph_op(out, use->list->graph, "permute", &use->x, 1, &attrs);
}

const ddla_layer_row ddla_layer_row_permute = {
    .name = "permute",
    .help =
        "another order of the dimensions after the batch: [3, 1, 2] puts an image's channels first",
    .keys = "order=[]",
    .build = build};
