/* From a supply of samples to the inputs of a plan: which samples, augmented and standardised.
 * Threads: pure functions, no allocation; where samples are
 * fetched, each worker for itself. */
#ifndef DDLA_TRAIN_FEED_FEED_H
#define DDLA_TRAIN_FEED_FEED_H

#include "train/feed/tiered.h"

/* Where samples go. [n] are those of the span. */
typedef struct ddla_feed {
  void *input;                     /* [n, sample] of the graph's input */
  void *label;                     /* [n, …] of its label */
  size_t input_bytes, label_bytes; /* of one sample */
  int64_t *key;                    /* [n], of random numbers; null: the graph has none */
  int64_t *indices;                /* [n], of the samples in the training part */
  ddla_tiered *tiered;             /* null: samples are in memory; else */
  int worker;                      /* who asks, by its number on this host, */
  int64_t step;                    /* for which step, */
  ddla_data_waits *waits;          /* and where waiting is counted and recorded; null: nowhere */
  ddla_watch_lane *pen;
} ddla_feed;

/* Writes the samples at positions [first, end) of the supply. Errors: PEER_LOST, where they are
 * fetched. */
ddla_status ddla_feed_samples(const ddla_feed *to, const ddla_training *training,
                              const ddla_supply *supply, ddla_batch_span span);

#endif
