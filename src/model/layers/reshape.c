/* Another shape for each sample; the batch stays. */
#include "model/layer.h"
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  int64_t wanted[DDLA_ATTR_VALUES_MAX] = {0};
  const int count = ddla_attrs_count(&use->options, "shape");
  for (int i = 0; i < count; i++) wanted[i] = ddla_attrs_int(&use->options, "shape", i, 0);
  return ddla_layer_reshape(out, use->list->graph, use->x, wanted, count);
}

const ddla_layer_row ddla_layer_row_reshape = {
    .name = "reshape",
    .help = "another shape for each sample, without the batch: [7, 7, 64]; one -1 is computed",
    .keys = "shape=[]",
    .build = build};
