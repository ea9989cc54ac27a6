#include "data/prepared/selection.h"

#include <string.h>
#include <xxhash.h>

#include "base/assert.h"
#include "data/format.h"

size_t ddla_data_selection_bytes(const ddla_dataset *set, int stream) {
  const size_t features =
      (size_t)ddla_data_shape_count(set->shape) * ddla_data_type_bytes(set->type);
  const size_t bytes[DDLA_DATA_STREAMS] = {features, set->labels ? sizeof *set->labels : 0,
                                           (size_t)set->target_count * sizeof *set->targets};
  return bytes[stream];
}

static bool is_chosen(const ddla_data_selection *selection, int64_t sample) {
  return !selection->chosen || (selection->chosen[sample / 8] >> sample % 8 & 1) != 0;
}

static const float *targets_of(const ddla_dataset *set, int64_t sample) {
  return set->targets + ddla_dataset_root_index(set, sample) * set->target_count;
}

/* What the sample has of the stream; label is where a label is put. */
static const void *content_of(const ddla_data_selection *selection, int32_t *label) {
  const ddla_dataset *set = selection->set;
  if (selection->stream == 0) return ddla_dataset_features(set, selection->sample);
  if (selection->stream == 2) return targets_of(set, selection->sample);
  *label = ddla_dataset_label(set, selection->sample);
  if (selection->renumber) *label = selection->renumber[*label];
  return label;
}

void ddla_data_selection_read(ddla_data_selection *selection, int stream, uint8_t *out,
                              size_t bytes) {
  const size_t each = ddla_data_selection_bytes(selection->set, stream);
  int32_t label = 0;
  if (stream != selection->stream)
    *selection = (ddla_data_selection){.set = selection->set,
                                       .chosen = selection->chosen,
                                       .renumber = selection->renumber,
                                       .stream = stream};
  while (bytes > 0) {
    while (!is_chosen(selection, selection->sample)) selection->sample++;
    DDLA_ASSERT(selection->sample < selection->set->count);
    const size_t left = each - selection->done, some = left < bytes ? left : bytes;
    memcpy(out, (const uint8_t *)content_of(selection, &label) + selection->done, some);
    out += some;
    bytes -= some;
    selection->done += some;
    if (selection->done < each) continue;
    selection->done = 0;
    selection->sample++;
  }
}

static void add_sample(XXH3_state_t *state, const ddla_dataset *set, int64_t sample) {
  const int32_t label = ddla_dataset_label(set, sample);
  const char *name = label >= 0 ? ddla_dataset_class_name(set, label) : "";
  XXH3_128bits_update(state, ddla_dataset_features(set, sample), ddla_data_selection_bytes(set, 0));
  XXH3_128bits_update(state, name, strlen(name) + 1);
  if (set->targets)
    XXH3_128bits_update(state, targets_of(set, sample), ddla_data_selection_bytes(set, 2));
}

ddla_status ddla_data_sample_hashes(ddla_data_sample_hash *out, const ddla_dataset *set) {
  XXH3_state_t *state = XXH3_createState();
  if (!state) return DDLA_FAIL(NO_MEMORY, "no memory for a hash");
  for (int64_t i = 0; i < set->count; i++) {
    XXH3_128bits_reset(state);
    add_sample(state, set, i);
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    out[i] = (ddla_data_sample_hash){.low = hash.low64, .high = hash.high64};
  }
  XXH3_freeState(state);
  return DDLA_OK;
}
