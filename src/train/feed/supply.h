/* Which samples a step's positions are. With data.partition shared a position is one of the
 * epoch's order of all samples. Where data are in parts, each part has a stream of its own
 * (data/parts.h), and where it is in its stream follows from the step alone:
 *
 * - A replica (sync.mode accumulated) owns a part, of which it takes as many samples in every step
 *   as its shards of the batch would have.
 * - A synchronous batch is cut among parts: each has some shards of all batches, one behind the
 *   other, whoever computes them. With data.partition files these are the shards of the host where
 *   the part lies; else as good as equally many.
 *
 * Where parts exchange samples the stream is of places, in which other samples lie in every epoch
 * (share/exchange.h). Threads: made by one; a supply is a plain value of who asked for it, and
 * borrows from the training. */
#ifndef DDLA_TRAIN_FEED_SUPPLY_H
#define DDLA_TRAIN_FEED_SUPPLY_H

#include "data/batch.h"
#include "data/order.h"
#include "train/training.h"

typedef struct ddla_supply {
  ddla_order order;        /* all data are everybody's: the epoch's */
  int64_t epoch, batch;    /* batch: of the epoch */
  ddla_part_stream stream; /* else the replica's; without samples where there is none */
  int64_t ahead;           /* a position is so many places further on in the stream */
  const int64_t *sample; /* of what the stream names, where it names places that samples had before
                            they were exchanged; null: it names samples */
  const ddla_training *cut; /* whose batches are cut among parts; null: they are not */
} ddla_supply;

/* Divides the training samples, where the job says so. After the data are open and segments are
 * known. Errors: INVALID naming the key; NO_MEMORY. */
ddla_status ddla_supply_prepare(ddla_training *training);

/* The method of a segment of the run in which hosts are replicas, which own the parts; null: there
 * is none. */
const char *ddla_supply_replicas(const ddla_training *training);

/* What the lanes of a host compute of a step, unless shards go to who is free. */
ddla_sync_work ddla_supply_work(const ddla_training *training, int64_t step, int host);

/* Where each part's shards of a batch begin, of batches that are cut among parts. */
enum { DDLA_SUPPLY_TEXT_BYTES = 512 };
void ddla_supply_borders(char text[DDLA_SUPPLY_TEXT_BYTES], const ddla_training *training);

/* Positions in the epoch's batches that shards [work->first, work->end) are; none if equal. */
ddla_batch_span ddla_supply_span(const ddla_training *training, const ddla_sync_work *work);

/* Of these, those of one shard, numbered from 0 in the work: a replica divides its part anew. And
 * in how many micro-batches they are computed: part p is ddla_batch_shard(span, p, parts). */
ddla_batch_span ddla_supply_shard(const ddla_training *training, const ddla_sync_work *work,
                                  int shard);
int64_t ddla_supply_parts(const ddla_training *training, ddla_batch_span span);

/* What a host computes in a step. */
ddla_supply ddla_supply_of(const ddla_training *training, const ddla_sync_work *work, int host);

/* Writes the samples at `position` and behind it, up to `count`, of one pass over the data, whose
 * number goes to *pass; how many they are. count >= 1 */
int64_t ddla_supply_fill(int64_t *out, int64_t *pass, const ddla_supply *supply, int64_t position,
                         int64_t count);

#endif
