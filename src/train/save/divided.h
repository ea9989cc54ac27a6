/* Rows of the state of which each host has its own ranges alone: the moments, where hosts divide
 * the update among themselves (sync.method: sharded). Nobody else's pages of them are ever touched,
 * nor at the start or in a checkpoint: what is written comes to the writer in pieces, which it
 * gives back to the system, and what is loaded goes to its host tensor by tensor. */
#ifndef DDLA_TRAIN_SAVE_DIVIDED_H
#define DDLA_TRAIN_SAVE_DIVIDED_H

#include "ckpt/checkpoint.h"
#include "train/worker.h"

/* Whether a row is divided. */
bool ddla_divided_has(const ddla_shared *shared, int row);

/* One tensor of a divided row, on its way into a checkpoint. */
typedef struct ddla_divided_stream {
  ddla_worker *worker;
  struct ddla_divided_stream *first; /* of all streams */
  float *row;                        /* [space] */
  int64_t at, end;                   /* elements of the row that are still to come */
  float *brought;                    /* in the first one: the piece that came last, or null */
  size_t brought_bytes;
} ddla_divided_stream;

/* Streams of all tensors of all divided rows at the committed step, row by row; the caller owns
 * *out, which stays null where nothing is divided. Errors: NO_MEMORY. */
ddla_status ddla_divided_streams(ddla_divided_stream **out, ddla_worker *worker);

/* The next piece of a tensor (argument: its stream), for the first worker of host 0: a slot of
 * ddla_safetensors_stream. Errors: those of ddla_sync_bring. */
ddla_status ddla_divided_next(void *argument, const void **data, size_t *bytes);

/* The writer, when the checkpoint is written or has failed: nothing that was brought stays. */
void ddla_divided_release(ddla_divided_stream *streams);

/* What all other workers of all hosts do while the first one writes a checkpoint. */
ddla_status ddla_divided_give(ddla_worker *worker);

/* Collective over the hosts' link, before there is a strategy: divided rows at start->step, on host
 * 0 out of the checkpoint, go to the hosts that have them. At step 0 they are zero on all. Errors:
 * CORRUPT, NO_MEMORY, PEER_LOST. */
ddla_status ddla_divided_deal(ddla_shared *shared, const ddla_training *training,
                              ddla_transport *link, ddla_checkpoint_file *checkpoint);

#endif
