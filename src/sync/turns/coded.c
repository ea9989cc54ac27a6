#include "sync/turns/coded.h"

#include "base/alloc.h"

struct ddla_coded {
  ddla_coded_options options;
  size_t bound;     /* of a range's message */
  uint8_t *message; /* [ranges][2][bound] */
  uint8_t *next;    /* [ranges] which of the two */
  void *scratch;
  float *scaled; /* [range_elements] numbers that are clipped */
};

ddla_status ddla_coded_create(ddla_coded **out, const ddla_coded_options *options) {
  const ddla_bridge_layout *layout = options->layout;
  ddla_coded *coded = NULL;
  ddla_status status = DDLA_OK;
  uint64_t *scratch = NULL;
  DDLA_TRY(DDLA_NEW(coded, 1));
  coded->options = *options;
  const size_t bound = ddla_codec_bound(options->codec, layout->range_elements, options->options);
  const size_t work = ddla_codec_scratch(options->codec, layout->range_elements, options->options);
  coded->bound = (bound + 7) / 8 * 8;
  DDLA_TRY_CLEAN(status, DDLA_NEW(coded->message, (int64_t)coded->bound * 2 * layout->ranges));
  DDLA_TRY_CLEAN(status, DDLA_NEW(coded->next, layout->ranges));
  DDLA_TRY_CLEAN(status, DDLA_NEW(coded->scaled, layout->range_elements));
  DDLA_TRY_CLEAN(status, DDLA_NEW(scratch, (int64_t)(work / sizeof *scratch) + 1));
  coded->scratch = scratch;
  *out = coded;
  return DDLA_OK;
cleanup:
  ddla_coded_destroy(coded);
  return status;
}

void ddla_coded_destroy(ddla_coded *coded) {
  if (!coded) return;
  ddla_free(coded->message);
  ddla_free(coded->next);
  ddla_free(coded->scratch);
  ddla_free(coded->scaled);
  ddla_free(coded);
}

static float *part_of(float *row, int64_t begin) { return row ? row + begin : NULL; }

size_t ddla_coded_bound(const ddla_coded *coded) { return coded->bound; }

ddla_status ddla_coded_encode(const void **out, size_t *bytes, ddla_coded *coded, int range,
                              const float *values, double factor) {
  const ddla_coded_options *options = &coded->options;
  const size_t place = 2 * (size_t)range + coded->next[range];
  uint8_t *message = coded->message + place * coded->bound;
  int64_t begin = 0, count = 0;
  ddla_bridge_range(options->layout, range, &begin, &count);
  for (int64_t i = 0; factor != 1 && i < count; i++) coded->scaled[i] = (float)factor * values[i];
  const ddla_codec_source source = {.values = factor != 1 ? coded->scaled : values,
                                    .count = count,
                                    .options = options->options,
                                    .residual = part_of(options->residual, begin),
                                    .velocity = part_of(options->velocity, begin),
                                    .scratch = coded->scratch};
  *out = message;
  coded->next[range] ^= 1;
  DDLA_TRY(ddla_codec_encode(bytes, message, options->codec, &source));
  if (source.residual && options->state)
    ddla_state_clear_gaps(options->state, source.residual, begin, count);
  return DDLA_OK;
}
