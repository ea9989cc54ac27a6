/* A border of a constant around each sample; the batch has none. */
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  int64_t size[DDLA_ATTR_VALUES_MAX] = {0};
  const int count = ddla_attrs_count(&use->options, "size");
  if (count >= DDLA_ATTR_VALUES_MAX) return DDLA_FAIL(INVALID, "size has too many dimensions");
  for (int i = 0; i < count; i++) size[1 + i] = ddla_attrs_int(&use->options, "size", i, 0);
  ddla_attrs attrs = {0};
  ddla_attrs_set_ints(&attrs, "before", size, 1 + count);
  ddla_attrs_set_real(&attrs, "value", ddla_attrs_real(&use->options, "value", 0));
  return ddla_graph_op(out, use->list->graph, "pad", &use->x, 1, &attrs);
}

const ddla_layer_row ddla_layer_row_pad = {
    .name = "pad",
    .help = "a constant on both sides of each dimension after the batch: [1, 1, 0] frames an image",
    .keys = "size=[] value=0.0",
    .build = build};
