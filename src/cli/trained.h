/* A trained model that a command works with: from a run directory, or a job file and a model file.
 * Threads: one thread. */
#ifndef DDLA_CLI_TRAINED_H
#define DDLA_CLI_TRAINED_H

#include "cli/words.h"
#include "train/model/inference.h"
#include "train/run/run.h"

/* Plain value; release with fini. */
typedef struct ddla_trained {
  ddla_job *job;
  ddla_description description;
  ddla_inference *inference;
  char path[DDLA_PATH_BYTES]; /* of the model file */
  char sha256[DDLA_SHA256_TEXT_BYTES];
} ddla_trained;

/* place: a run directory or a job file. model: null for the run's best.safetensors, else its
 * average.safetensors, else its model.safetensors; a file, or the name of one in the run directory;
 * must be given with a job file.
 * --set words are applied to the job. Errors: INVALID saying what to do; CORRUPT for a model file
 * that the run did not write; those of job, data and files. */
ddla_status ddla_trained_open(ddla_trained *out, const ddla_words *words, const char *place,
                              const char *model);
void ddla_trained_fini(ddla_trained *trained);

#endif
