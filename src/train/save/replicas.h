/* What every replica has of its own (rows of the state with the scope DDLA_SCOPE_PER_HOST), on its
 * way to and from checkpoints: the first host writes and reads for all, with a copy of everybody's
 * rows at hand. Threads: as said for each. */
#ifndef DDLA_TRAIN_SAVE_REPLICAS_H
#define DDLA_TRAIN_SAVE_REPLICAS_H

#include "train/worker.h"

/* Copies of the saved rows of replicas 1 … replicas - 1; replica 0's are in the state. */
typedef struct ddla_replica_rows {
  int replicas;
  size_t bytes; /* of one replica */
  unsigned char *memory;
} ddla_replica_rows;

/* How many have rows of their own; 1 where hosts have one model together. */
int ddla_replica_rows_count(const ddla_training *training);

/* Room for so many replicas, zeroed; one replica needs none. Errors: NO_MEMORY. */
ddla_status ddla_replica_rows_create(ddla_replica_rows *out, const ddla_state *state, int replicas);
void ddla_replica_rows_destroy(ddla_replica_rows *rows);

/* Whether a row is one of these. */
bool ddla_replica_rows_has(const ddla_state *state, int row);

/* Where a row of a replica from 1 on is. */
void *ddla_replica_rows_at(const ddla_replica_rows *rows, const ddla_state *state, int row,
                           int replica);

/* A row (fp32) of all replicas that are there becomes the sum of the first `saved` ones at a step,
 * divided by `parts`. */
void ddla_replica_rows_merge(const ddla_replica_rows *rows, const ddla_state *state, int row,
                             uint64_t step, int saved, int parts);

/* All workers of all hosts: the rows at the committed step come to `rows` of the first host's first
 * worker; the others' may be null. Errors: those of ddla_sync_bring. */
ddla_status ddla_replica_rows_bring(ddla_replica_rows *rows, ddla_worker *worker);

/* The first agents of all hosts: every host gets its rows at a step from the first one, whose
 * `rows` they are in. Errors: those of ddla_coll_pass. */
ddla_status ddla_replica_rows_deal(const ddla_replica_rows *rows, const ddla_shared *shared,
                                   uint64_t step, ddla_transport *link);

#endif
