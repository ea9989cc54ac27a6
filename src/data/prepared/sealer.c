#include "data/prepared/sealer.h"

#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "data/format.h"

struct ddla_data_sealer {
  ddla_data_records records;
  int stream; /* that is being added */
  XXH3_state_t *state;
  uint64_t features_hash;
  ddla_data_fingerprint print; /* of what came before the stream */
};

ddla_status ddla_data_sealer_create(ddla_data_sealer **out, const ddla_data_records *records) {
  ddla_data_sealer *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->records = *records;
  made->state = XXH3_createState();
  if (!made->state) {
    ddla_free(made);
    return DDLA_FAIL(NO_MEMORY, "no memory for a hash");
  }
  XXH3_64bits_reset(made->state);
  *out = made;
  return DDLA_OK;
}

void ddla_data_sealer_destroy(ddla_data_sealer *sealer) {
  if (!sealer) return;
  XXH3_freeState(sealer->state);
  ddla_free(sealer);
}

/* Whether labels, or targets, are hashed: a set that has none says so in its head alone. */
static bool has(const ddla_data_sealer *sealer, int stream) {
  return stream == 1 ? sealer->records.labelled : sealer->records.targets > 0;
}

/* The stream is over; the next one's hash goes on from its. */
static void end_stream(ddla_data_sealer *sealer) {
  int64_t head[DDLA_FINGERPRINT_HEAD];
  if (sealer->stream == 0) {
    sealer->features_hash = XXH3_64bits_digest(sealer->state);
    ddla_data_fingerprint_head(head, &sealer->records, sealer->features_hash);
    sealer->print = ddla_data_fingerprint_of(head, sizeof head, (ddla_data_fingerprint){0});
  } else if (has(sealer, sealer->stream)) {
    const XXH128_hash_t hash = XXH3_128bits_digest(sealer->state);
    sealer->print = (ddla_data_fingerprint){.low = hash.low64, .high = hash.high64};
  }
  sealer->stream++;
  XXH3_128bits_reset_withSeed(sealer->state, ddla_data_fingerprint_seed(sealer->print));
}

void ddla_data_sealer_add(ddla_data_sealer *sealer, int stream, const void *data, size_t bytes) {
  DDLA_ASSERT(stream >= sealer->stream && stream < DDLA_DATA_STREAMS);
  while (sealer->stream < stream) end_stream(sealer);
  if (stream == 0) XXH3_64bits_update(sealer->state, data, bytes);
  else XXH3_128bits_update(sealer->state, data, bytes);
}

ddla_data_fingerprint ddla_data_sealer_end(uint64_t *features_hash, ddla_data_sealer *sealer,
                                           const ddla_classes *classes) {
  while (sealer->stream < DDLA_DATA_STREAMS) end_stream(sealer);
  *features_hash = sealer->features_hash;
  return ddla_data_fingerprint_names(sealer->print, classes);
}
