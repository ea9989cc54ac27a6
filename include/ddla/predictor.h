/* A run directory's trained model, used by a program: its best model where one is kept, else its
 * average, else its last. For runs of `ddla train` and of ddla_train, also those whose model is
 * built by the program itself. Threads: a predictor belongs to one thread at a time; evaluation
 * starts threads of its own. */
#ifndef DDLA_PREDICTOR_H
#define DDLA_PREDICTOR_H

#include <ddla/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ddla_predictor ddla_predictor;

/* own: builds the model as it was trained, where ddla_train was given options->own; else null. It
 * is called once, before this returns. The caller owns *out. Errors: INVALID where the directory
 * holds no finished run, where own is missing or one too many, and where it builds another model
 * than was trained; CORRUPT; those of files. */
DDLA_API DDLA_MUST_USE ddla_status ddla_predictor_open(ddla_predictor **out, const char *directory,
                                                       const ddla_own_model *own);

/* Null is allowed. */
DDLA_API void ddla_predictor_close(ddla_predictor *predictor);

/* Classes; the name of one, "4" where the data named none (borrowed until the next call); numbers
 * of a sample, and bytes of each: 1 (0 to 255) for images, 4 (float) for tables. */
DDLA_API int64_t ddla_predictor_classes(const ddla_predictor *predictor);
DDLA_API const char *ddla_predictor_class_name(ddla_predictor *predictor, int64_t index);
DDLA_API int64_t ddla_predictor_numbers(const ddla_predictor *predictor);
DDLA_API size_t ddla_predictor_number_bytes(const ddla_predictor *predictor);

/* probability [count, classes] from samples [count, numbers], one after another, as the data have
 * them: they are standardised here. Where samples have targets instead of labels, what the model
 * gives for them. Errors: UNSUPPORTED for a model of texts; NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_predictor_predict(double *probability,
                                                          ddla_predictor *predictor,
                                                          const void *samples, int64_t count);

/* Accuracy and mean loss (nats) on "test", "validation" or "train" of the run's job; the same as
 * `ddla eval` for a model that the job describes. Errors: INVALID for a part that the job does not
 * have; those of data. */
DDLA_API DDLA_MUST_USE ddla_status ddla_predictor_evaluate(double *accuracy, double *loss,
                                                           ddla_predictor *predictor,
                                                           const char *part);

#ifdef __cplusplus
}
#endif
#endif
