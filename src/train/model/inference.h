/* A trained model made ready for use: graph, parameters, and how samples are standardised.
 * Threads: one thread calls; evaluation starts its own lanes. */
#ifndef DDLA_TRAIN_MODEL_INFERENCE_H
#define DDLA_TRAIN_MODEL_INFERENCE_H

#include "train/model/forward.h"
#include "train/run/run.h"
#include "train/save/description.h"

typedef struct ddla_inference ddla_inference;

/* The model file of a run directory: best, else average, else last, and its SHA-256. Errors:
 * INVALID where the run has not ended; CORRUPT where it is not the file that the run wrote. */
ddla_status ddla_inference_find(char path[DDLA_PATH_BYTES], char sha256[DDLA_SHA256_TEXT_BYTES],
                                const ddla_description *description, const char *directory);

/* Loads the job's plug-ins, builds its model, or a program's own (own, else null), for the
 * described samples and reads its parameters from a safetensors file. job and description are
 * borrowed until close. Errors: INVALID naming what does not fit job and file, a model that only
 * its own program can build, or another plug-in than the run was trained with (but one named by
 * --set is taken); CORRUPT; those of files. */
ddla_status ddla_inference_open(ddla_inference **out, const ddla_job *job,
                                const ddla_own_model *own, const ddla_description *description,
                                const char *model_path);
void ddla_inference_close(ddla_inference *inference);

/* Opens a part of the job's data as the model needs it, without the others: validation that is
 * split off the training samples is the same as in training. The caller closes *out, then *whole
 * (null unless *out is a view of it). Errors: INVALID where the job has no such part, for samples
 * of another shape and for unknown classes; those of data. */
ddla_status ddla_inference_data(ddla_dataset **out, ddla_dataset **whole,
                                const ddla_inference *inference, ddla_data_part part);

/* Evaluates on a set with this many threads; the result does not depend on their number and is that
 * of ddla_worker_evaluate for the same parameters. Errors: those of plans and kernels. */
ddla_status ddla_inference_evaluate(ddla_evaluation *out, ddla_inference *inference,
                                    const ddla_dataset *set, int lanes);

/* probability[i, c] = softmax of the logits; of a model of targets, the logits themselves. records:
 * [count] of the description's shape and type, one after another; probability [count, classes].
 * Errors: those of plans and kernels. */
ddla_status ddla_inference_predict(double *probability, ddla_inference *inference,
                                   const void *records, int64_t count);

/* The run's task and plug-ins. Borrowed. */
const ddla_task *ddla_inference_task(const ddla_inference *inference);
const ddla_plugins *ddla_inference_plugins(const ddla_inference *inference);

/* Classes of the model's logits. */
int64_t ddla_inference_classes(const ddla_inference *inference);

/* For a model of tokens: logits [classes] of the token that follows tokens [count], of which the
 * last ones are looked at, as many as a sample of training has; count is at least 1. Borrowed until
 * the next call. Errors: those of plans and kernels. */
ddla_status ddla_inference_next(const float **logits, ddla_inference *inference,
                                const int32_t *tokens, int64_t count);

#endif
