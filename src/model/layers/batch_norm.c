/* Batch normalization with learned scale and shift, and running values for evaluation. */
#include "model/layer_row.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  const ddla_batch_norm_options options = {.epsilon = ddla_attrs_real(&use->options, "epsilon", 0),
                                           .momentum =
                                               ddla_attrs_real(&use->options, "momentum", 0)};
  if (!(options.momentum > 0))
    return DDLA_FAIL(INVALID, "momentum is %g; it can be above 0 to 1", options.momentum);
  return ddla_layer_batch_norm(out, use->list->graph, use->name, use->x, &options);
}

const ddla_layer_row ddla_layer_row_batch_norm = {
    .name = "batch_norm",
    .help = "each channel shifted and scaled to mean 0 and deviation 1, then by learned numbers",
    .keys = "momentum=0.1 epsilon=0.00001",
    .build = build};
