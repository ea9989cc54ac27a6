/* A checkpoint of a run that kept its models in another way: by another mode or method, or with
 * other replicas. The model, the progress and whatever both ways keep go on. What this run's way
 * keeps and the other did not begins as at a start: every replica at the global model, nothing left
 * out by a codec (which does not go on from gradients to differences of models, nor back), no outer
 * momentum, no dual variables, a method's numbers at their initial values.
 * What only the other way kept is left out. Where replicas become one model, moments are the means
 * of theirs; where one model becomes replicas, each begins with its moments. Threads: as said for
 * each. */
#ifndef DDLA_TRAIN_SAVE_ADOPT_H
#define DDLA_TRAIN_SAVE_ADOPT_H

#include "ckpt/checkpoint.h"
#include "train/save/replicas.h"
#include "train/shared.h"

/* By row of the state where it says so. */
typedef struct ddla_adoption {
  int saved; /* replicas that the checkpoint has rows of; 1: it is of one model */
  bool lacks[DDLA_STATE_ROWS_MAX];  /* it does not have the row */
  bool shared[DDLA_STATE_ROWS_MAX]; /* replicas have a row of their own here, and one there */
  bool merged[DDLA_STATE_ROWS_MAX]; /* it is one here, and of each there */
} ddla_adoption;

/* INVALID, with both numbers, unless a step of the checkpoint is of as many batches as one of this
 * run; CORRUPT. */
ddla_status ddla_adopt_check_steps(const ddla_checkpoint_file *file, const ddla_training *training);

/* How this run goes on from a checkpoint. Errors: CORRUPT where it is of no number of replicas that
 * there may be. */
ddla_status ddla_adoption_of(ddla_adoption *out, const ddla_checkpoint_file *file,
                             const ddla_training *training, const ddla_shared *shared);

/* Reads an array of `count` floats of a divided or merged row; of a checkpoint of replicas the mean
 * of theirs, added up in double in the order of their numbers. The file has them in this shape.
 * Errors: CORRUPT, NO_MEMORY. */
ddla_status ddla_adopt_read(float *into, int64_t count, ddla_checkpoint_file *file,
                            const char *name);

/* The name of an array of a replica. */
void ddla_adopt_name(char *out, size_t bytes, const char *name, int replica);

/* What was loaded becomes a state at a step: rows that the checkpoint lacks get what they begin
 * with, and merged ones are read. `rows`: of the other replicas. Errors: those of adopt_read. */
ddla_status ddla_adopt(const ddla_adoption *adoption, ddla_checkpoint_file *file,
                       const ddla_training *training, const ddla_shared *shared, uint64_t step,
                       const ddla_replica_rows *rows);

#endif
