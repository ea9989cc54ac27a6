#include "train/feed/feed.h"

#include "base/rng.h"

/* Samples of one pass over the data. */
typedef struct passed {
  int64_t pass, position, count;
} passed;

/* Samples to->indices [count]. */
static ddla_status feed_pass(const ddla_feed *to, const ddla_training *training,
                             const passed *samples) {
  const ddla_tiered_place place = {.step = to->step,
                                   .position = samples->position,
                                   .asker = {to->waits, to->pen, DDLA_PHASE_DATA, 0}};
  const int64_t pass = samples->pass, count = samples->count;
  const void *features = NULL;
  DDLA_TRY(ddla_tiered_bring_step(&features, to->tiered, to->worker, &place, to->indices, count));
  const ddla_augment augment = {.seed = training->seed,
                                .epoch = pass,
                                .shift = (int)training->job->data.shift,
                                .flip = training->job->data.flip,
                                .cutout = (int)training->job->data.cutout,
                                .slide = true,
                                .features = features,
                                .mean = training->mean,
                                .deviation = training->deviation};
  ddla_batch_fill(to->input, to->label, training->train, to->indices, count, &augment);
  for (int64_t i = 0; to->key && i < count; i++)
    to->key[i] = (int64_t)ddla_rng_key(training->seed, DDLA_PURPOSE_DROPOUT, (uint64_t)pass,
                                       (uint64_t)to->indices[i]);
  return DDLA_OK;
}

static ddla_feed behind(const ddla_feed *to, int64_t count) {
  ddla_feed rest = *to;
  rest.input = (char *)to->input + to->input_bytes * (size_t)count;
  rest.label = (char *)to->label + to->label_bytes * (size_t)count;
  rest.key = to->key ? to->key + count : NULL;
  rest.indices = to->indices + count;
  return rest;
}

ddla_status ddla_feed_samples(const ddla_feed *to, const ddla_training *training,
                              const ddla_supply *supply, ddla_batch_span span) {
  passed next = {.position = span.first};
  for (; next.position < span.end; next.position += next.count) {
    const ddla_feed rest = behind(to, next.position - span.first);
    next.count =
        ddla_supply_fill(rest.indices, &next.pass, supply, next.position, span.end - next.position);
    DDLA_TRY(feed_pass(&rest, training, &next));
  }
  return DDLA_OK;
}
