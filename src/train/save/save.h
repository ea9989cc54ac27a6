/* Saving and loading a training's state: checkpoints, model.safetensors, best.safetensors.
 * Threads: one thread while no worker changes the state. */
#ifndef DDLA_TRAIN_SAVE_SAVE_H
#define DDLA_TRAIN_SAVE_SAVE_H

#include "base/sha256.h"
#include "ckpt/checkpoint.h"
#include "train/save/replicas.h"
#include "train/worker.h"

/* Writes a model's parameters and buffers as a safetensors file; its SHA-256 into sha256 (may be
 * null). Errors: those of files. */
ddla_status ddla_train_save_model(char sha256[DDLA_SHA256_TEXT_BYTES],
                                  const ddla_training *training, ddla_model_values values,
                                  const char *path);

/* Reads a model file into values. Errors: INVALID naming all missing or misshapen tensors,
 * CORRUPT. */
ddla_status ddla_train_load_model(ddla_model_values values, const ddla_graph *graph,
                                  const char *path);

/* The same for a file that another program may have written: the file must hold nothing else
 * either, but for PyTorch's counters "….num_batches_tracked". Errors: INVALID naming every tensor
 * that is missing, of another shape (with both), or not the model's. */
ddla_status ddla_train_start_from(ddla_model_values values, const ddla_graph *graph,
                                  const char *path);

/* All workers of all hosts: the one that has the run's files writes a checkpoint of the committed
 * step, which is settled. Errors: those of checkpoints. */
ddla_status ddla_train_save_checkpoint(ddla_worker *worker);

/* What a checkpoint says beside the first host's state. */
typedef struct ddla_loaded {
  uint64_t step; /* 0: there was none */
  ddla_progress progress;
  ddla_replica_rows rows;     /* of the other replicas; owned */
  ddla_checkpoint_file *file; /* the caller closes it; null: there was none */
} ddla_loaded;

/* Loads the newest whole checkpoint of a run directory into the state, all but rows that are
 * divided among hosts; *out stays as it is where there is none. Errors: INVALID naming what differs
 * from the job, CORRUPT, UNSUPPORTED. */
ddla_status ddla_train_load_checkpoint(ddla_loaded *out, const ddla_training *training,
                                       const ddla_shared *shared, const char *directory);

/* Committed steps of the newest whole checkpoint of a run directory; 0: there is none. Errors:
 * CORRUPT, UNSUPPORTED. */
ddla_status ddla_train_newest_step(int64_t *out, const char *directory);

/* Whether there is nothing left to do for this job in a run directory: its newest checkpoint is the
 * job's end, by steps or by early stopping, and report and model of it are there. *steps: how many
 * it took; -1: not finished. Errors: as load_checkpoint. */
ddla_status ddla_train_finished(int64_t *steps, const ddla_training *training,
                                const char *directory);

#endif
