/* Checkpoints: a directory step-00000123 with model.safetensors (the weights, exactly as a finished
 * run writes them) and state.safetensors (the rest of the state, and in its metadata: format, step,
 * notes, what the run must have in common with one that resumes it, and the XXH128 of every array
 * and of both headers). It is written under a temporary name and renamed, so a checkpoint is there
 * whole or not at all. docs/formats/checkpoint.md describes the files.
 *
 * Threads: one thread (of one agent) writes in a folder; readers may be anywhere. */
#ifndef DDLA_CKPT_CHECKPOINT_H
#define DDLA_CKPT_CHECKPOINT_H

#include "ckpt/safetensors.h"

enum { DDLA_CHECKPOINT_FORMAT = 1 };

/* A part of the state by its file. */
typedef enum ddla_checkpoint_part {
  DDLA_CHECKPOINT_MODEL,
  DDLA_CHECKPOINT_STATE
} ddla_checkpoint_part;

enum { DDLA_CHECKPOINT_PARTS = 2 };

typedef struct ddla_checkpoint_arrays {
  const ddla_safetensors_array *at;
  int count;
} ddla_checkpoint_arrays;

typedef struct ddla_checkpoint_notes {
  const ddla_safetensors_note *at;
  int count;
} ddla_checkpoint_notes;

/* What is saved. Nothing is owned. */
typedef struct ddla_checkpoint {
  uint64_t step;
  ddla_checkpoint_arrays parts[DDLA_CHECKPOINT_PARTS];
  ddla_checkpoint_notes notes;    /* free: "epoch", "position", "best" */
  ddla_checkpoint_notes identity; /* "train.shards": "8"; must be equal on resuming */
} ddla_checkpoint;

/* Writes folder/step-… (the folder is made if need be), replacing one of the same step; then
 * removes all but it and the keep - 1 newest others, and what interrupted writes left. On failure
 * nothing of the new one is left. Errors: DISK_FULL, INVALID (no permission, names), IO, NO_MEMORY.
 */
ddla_status ddla_checkpoint_write(const char *folder, const ddla_checkpoint *checkpoint, int keep);

/* Path of the newest checkpoint in the folder that is whole (all checksums are looked at); damaged
 * ones are passed over with a warning in the log. The caller owns *path; it is null if there are no
 * checkpoints or no folder. Errors: CORRUPT if there are some but none is whole; UNSUPPORTED. */
ddla_status ddla_checkpoint_find_newest(char **path, const char *folder);

typedef struct ddla_checkpoint_file ddla_checkpoint_file;

/* Opens a checkpoint (its directory) and checks both headers. The caller owns *out. Errors:
 * CORRUPT, naming the file; UNSUPPORTED for one of a newer format; INVALID if it is none. */
ddla_status ddla_checkpoint_open(ddla_checkpoint_file **out, const char *path);
void ddla_checkpoint_close(ddla_checkpoint_file *file);

uint64_t ddla_checkpoint_step(const ddla_checkpoint_file *file);

/* A free note, or one of the identity; null: there is none. Borrowed until close. */
const char *ddla_checkpoint_note(const ddla_checkpoint_file *file, const char *key);
const char *ddla_checkpoint_same(const ddla_checkpoint_file *file, const char *key);

/* The directory that it was opened as. Borrowed until close. */
const char *ddla_checkpoint_path(const ddla_checkpoint_file *file);

/* The tensors of a part. Borrowed until close. */
const ddla_safetensors *ddla_checkpoint_part_of(const ddla_checkpoint_file *file,
                                                ddla_checkpoint_part part);

/* INVALID naming the first key that differs and both values, unless the checkpoint's identity is
 * `wanted`. A null value stands for any, and for none. */
ddla_status ddla_checkpoint_identity_check(const ddla_checkpoint_file *file,
                                           const ddla_checkpoint_notes *wanted);

/* Reads every array of both lists that has a place into it, all or nothing: names, shapes and the
 * checksum of every array are checked before the first byte of the caller's memory changes. Errors:
 * INVALID (missing names, wrong shapes), CORRUPT naming file and array, NO_MEMORY (it needs the
 * arrays' bytes once more). */
ddla_status ddla_checkpoint_load(ddla_checkpoint_file *file,
                                 const ddla_checkpoint_arrays wanted[DDLA_CHECKPOINT_PARTS]);

/* Reads one array of a part into memory of its size and compares its checksum; the array is there,
 * with this shape: see ddla_checkpoint_load. Errors: CORRUPT naming file and array. */
ddla_status ddla_checkpoint_read(void *into, ddla_checkpoint_file *file, ddla_checkpoint_part part,
                                 const char *name);

/* CORRUPT naming file and array unless every array has its checksum. */
ddla_status ddla_checkpoint_verify(ddla_checkpoint_file *file);

#endif
