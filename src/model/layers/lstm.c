/* Long short-term memory over a sequence, one way or both. */
#include "model/recurrent.h"

static ddla_status build(ddla_value *out, const ddla_layer_use *use) {
  return ddla_recurrent_layer_build(out, use, "lstm", 4);
}

const ddla_layer_row ddla_layer_row_lstm = {
    .name = "lstm",
    .help =
        "long short-term memory over a sequence [steps, features]; last: only the state at the end",
    .keys = DDLA_RECURRENT_KEYS,
    .build = build};
