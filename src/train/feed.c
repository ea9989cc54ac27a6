#include "train/feed.h"

#include "base/rng.h"

/* Samples to->indices [count], which are of one pass over the data. */
static void feed_pass(const ddla_feed *to, const ddla_training *training, int64_t pass,
                      int64_t count) {
  const ddla_augment augment = {.seed = training->seed,
                                .epoch = pass,
                                .shift = (int)training->job->data.shift,
                                .flip = training->job->data.flip,
                                .cutout = (int)training->job->data.cutout,
                                .slide = true,
                                .mean = training->mean,
                                .deviation = training->deviation};
  ddla_batch_fill(to->input, to->label, training->train, to->indices, count, &augment);
  for (int64_t i = 0; to->key && i < count; i++)
    to->key[i] = (int64_t)ddla_rng_key(training->seed, DDLA_PURPOSE_DROPOUT, (uint64_t)pass,
                                       (uint64_t)to->indices[i]);
}

static ddla_feed behind(const ddla_feed *to, int64_t count) {
  ddla_feed rest = *to;
  rest.input = (char *)to->input + to->input_bytes * (size_t)count;
  rest.label = (char *)to->label + to->label_bytes * (size_t)count;
  rest.key = to->key ? to->key + count : NULL;
  rest.indices = to->indices + count;
  return rest;
}

void ddla_feed_samples(const ddla_feed *to, const ddla_training *training,
                       const ddla_supply *supply, ddla_batch_span span) {
  for (int64_t at = span.first, pass = 0, count = 0; at < span.end; at += count) {
    const ddla_feed rest = behind(to, at - span.first);
    count = ddla_supply_fill(rest.indices, &pass, supply, at, span.end - at);
    feed_pass(&rest, training, pass, count);
  }
}
