#include "data/summer.h"

#include <string.h>

#include "base/alloc.h"

/* One pass is enough where two are needed to find spreads: they are taken about the averages that
 * are said, which are the right ones or tell by themselves that they are not. */
struct ddla_data_summer {
  ddla_data_records records;
  const ddla_channel_sums *said; /* [channels] */
  ddla_channel_sums *sums;       /* [channels]; average: the sum, not yet divided */
  int64_t channel;               /* of the next number */
};

ddla_status ddla_data_summer_create(ddla_data_summer **out, const ddla_data_records *records,
                                    const ddla_channel_sums *said) {
  ddla_data_summer *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->records = *records;
  made->said = said;
  ddla_status status = DDLA_NEW(made->sums, records->shape.channels);
  if (status == DDLA_OK) *out = made;
  else ddla_data_summer_destroy(made);
  return status;
}

void ddla_data_summer_destroy(ddla_data_summer *summer) {
  if (!summer) return;
  ddla_free(summer->sums);
  ddla_free(summer);
}

static void add_bytes(ddla_data_summer *s, const uint8_t *bytes, int64_t count) {
  const int64_t channels = s->records.shape.channels;
  int64_t c = s->channel;
  for (int64_t i = 0; i < count; i++) {
    const uint64_t value = bytes[i];
    s->sums[c].sum += value;
    s->sums[c].squares += value * value;
    if (++c == channels) c = 0;
  }
  s->channel = c;
}

static void add_floats(ddla_data_summer *s, const float *values, int64_t count) {
  const int64_t channels = s->records.shape.channels;
  int64_t c = s->channel;
  for (int64_t i = 0; i < count; i++) {
    const double value = (double)values[i], apart = value - s->said[c].average;
    s->sums[c].average += value;
    s->sums[c].spread += apart * apart;
    if (++c == channels) c = 0;
  }
  s->channel = c;
}

void ddla_data_summer_add(ddla_data_summer *summer, const void *data, size_t bytes) {
  const bool whole = summer->records.type == DDLA_DATA_UINT8;
  if (whole && summer->records.shape.channels == 1)
    ddla_channel_sums_add_bytes(summer->sums, data, (int64_t)bytes);
  else if (whole) add_bytes(summer, data, (int64_t)bytes);
  else add_floats(summer, data, (int64_t)(bytes / sizeof(float)));
}

/* Bits, so that what is no number is like itself. */
static bool same(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

bool ddla_data_summer_agrees(const ddla_data_summer *summer) {
  for (int64_t c = 0; c < summer->records.shape.channels; c++) {
    const ddla_channel_sums *said = &summer->said[c], *found = &summer->sums[c];
    if (said->sum != found->sum || said->squares != found->squares ||
        !same(said->average, found->average / said->values) || !same(said->spread, found->spread))
      return false;
  }
  return true;
}
