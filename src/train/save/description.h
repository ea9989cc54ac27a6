/* model.json: what is needed beside model.safetensors to use a run's model without its training
 * data: task, shape of a sample, classes and their names, mean and deviation. Written into the run
 * directory before training; the SHA-256 of each model file is added when that file is.
 * Threads: one thread per description. */
#ifndef DDLA_TRAIN_SAVE_DESCRIPTION_H
#define DDLA_TRAIN_SAVE_DESCRIPTION_H

#include "base/sha256.h"
#include "data/augment.h"
#include "train/training.h"

/* The model files of a run, the one to be used first where there are several. */
typedef enum ddla_model_file {
  DDLA_MODEL_BEST,    /* best.safetensors */
  DDLA_MODEL_AVERAGE, /* average.safetensors */
  DDLA_MODEL_LAST,    /* model.safetensors */
  DDLA_MODELS
} ddla_model_file;

/* Name of the file in the run directory. */
const char *ddla_description_file(ddla_model_file which);

/* A plug-in that the run was trained with. */
typedef struct ddla_description_plugin {
  char *path;
  char sha256[DDLA_SHA256_TEXT_BYTES];
} ddla_description_plugin;

/* Plain value; everything is owned; zero is empty. */
typedef struct ddla_description {
  char *task;            /* "image-classification" */
  bool own;              /* the model was built by a program, not by the job's model.kind */
  ddla_data_shape shape; /* of a sample */
  ddla_data_type type;
  int64_t classes;    /* numbers in a row of the model's answer */
  int64_t targets;    /* numbers of a sample's target; 0: it has a label */
  char **class_names; /* [name_count], name_count <= classes: those that occur in the data */
  int name_count;
  float *mean, *deviation; /* [channels]; null: samples are not standardised */
  ddla_description_plugin plugin[DDLA_PLUGINS_MAX];
  int plugin_count;
  char sha256[DDLA_MODELS][DDLA_SHA256_TEXT_BYTES]; /* of each model file, or "" */
} ddla_description;

/* From a prepared training. The caller releases *out with fini. Errors: NO_MEMORY. */
ddla_status ddla_description_of(ddla_description *out, const ddla_training *training);
void ddla_description_fini(ddla_description *description);

/* Writes model.json into a run directory. Errors: those of files, NO_MEMORY, INVALID for a class
 * name that is not UTF-8. */
ddla_status ddla_description_write(const ddla_description *description, const char *directory);

/* Reads model.json of a run directory. The caller releases *out with fini. Errors: INVALID where
 * there is none, CORRUPT naming the key that is wrong, UNSUPPORTED for a newer format. */
ddla_status ddla_description_read(ddla_description *out, const char *directory);

/* Writes a model file's SHA-256 into the directory's model.json. Errors: as read and write. */
ddla_status ddla_description_note(const char *directory, ddla_model_file which, const char *sha256);

/* Whether plugins are those that the run was trained with: as many files, with these contents in
 * this order. Errors: INVALID naming the file. */
ddla_status ddla_description_check_plugins(const ddla_description *description, const ddla_job *job,
                                           const ddla_plugins *plugins);

/* Name of a class, "4" where the data had none. text [bytes] may be written. Borrowed from either.
 */
const char *ddla_description_class(const ddla_description *description, int64_t index, char *text,
                                   size_t bytes);

#endif
