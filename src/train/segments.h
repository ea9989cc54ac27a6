/* A run whose section sync changes at given steps (sync.schedule): segments, each with a strategy
 * of its own. At a border all agents exchange, save a checkpoint, tear the state down, and go on
 * from the checkpoint as a resumed run does, in the same processes with the same transports. Who
 * is a host stays the same for the whole run: where any segment has a model for each agent, every
 * agent is a host of its own in all of them. Threads: prepared by one thread, afterwards only read.
 */
#ifndef DDLA_TRAIN_SEGMENTS_H
#define DDLA_TRAIN_SEGMENTS_H

#include "job/segments.h"
#include "train/training.h"

/* Makes steps from + 1 to end. */
typedef struct ddla_segment {
  int64_t from, end;
  const ddla_job *job;
  const ddla_strategy *strategy;
  const ddla_codec *codec;
  ddla_codec_options codec_options;
  const ddla_heterogeneity *heterogeneity;
  bool fast;
} ddla_segment;

/* Works out the borders when the run's steps are known; the training is the first segment then.
 * Errors: INVALID for one that is not within the run. */
ddla_status ddla_segments_prepare(ddla_training *training);

/* What every segment but the first needs, when all else of the training is ready. Errors: INVALID
 * naming the entry, its place and key. */
ddla_status ddla_segments_check(ddla_training *training);
void ddla_segments_destroy(ddla_training *training);

/* How many there are, and the one that goes on from so many committed steps. */
int ddla_segments_count(const ddla_training *training);
int ddla_segments_at(const ddla_training *training, int64_t step);

/* Where one begins. Borrowed. */
const ddla_segment *ddla_segments_get(const ddla_training *training, int segment);

/* The training of a segment: borrows all from the whole one, and is not destroyed. */
ddla_training ddla_segments_training(const ddla_training *training, int segment);

#endif
