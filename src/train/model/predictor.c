/* Trained models inside a program of the user's: see ddla/predictor.h. */
#include <ddla/predictor.h>

#include <string.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "base/text.h"
#include "train/model/inference.h"
#include "train/run/run.h"

struct ddla_predictor {
  ddla_job *job;
  ddla_description description;
  ddla_inference *inference;
  char name[24]; /* of a class without one */
};

static ddla_status open_run(ddla_predictor *made, const char *directory,
                            const ddla_own_model *own) {
  char path[DDLA_PATH_BYTES], sha256[DDLA_SHA256_TEXT_BYTES];
  DDLA_TRY(ddla_run_check(directory));
  DDLA_TRY(ddla_job_load(&made->job, ddla_run_path(path, directory, "job.yaml")));
  DDLA_TRY(ddla_job_check(made->job));
  DDLA_TRY(ddla_description_read(&made->description, directory));
  DDLA_TRY(ddla_inference_find(path, sha256, &made->description, directory));
  return ddla_inference_open(&made->inference, made->job, own, &made->description, path);
}

ddla_status ddla_predictor_open(ddla_predictor **out, const char *directory,
                                const ddla_own_model *own) {
  ddla_predictor *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  ddla_status status = open_run(made, directory, own);
  if (status == DDLA_OK) *out = made;
  else ddla_predictor_close(made);
  return status;
}

void ddla_predictor_close(ddla_predictor *predictor) {
  if (!predictor) return;
  ddla_inference_close(predictor->inference);
  ddla_description_fini(&predictor->description);
  ddla_job_destroy(predictor->job);
  ddla_free(predictor);
}

int64_t ddla_predictor_classes(const ddla_predictor *predictor) {
  return predictor->description.classes;
}

const char *ddla_predictor_class_name(ddla_predictor *predictor, int64_t index) {
  return ddla_description_class(&predictor->description, index, predictor->name,
                                sizeof predictor->name);
}

int64_t ddla_predictor_numbers(const ddla_predictor *predictor) {
  ddla_data_shape shape = predictor->description.shape;
  return shape.height * shape.width * shape.channels;
}

size_t ddla_predictor_number_bytes(const ddla_predictor *predictor) {
  return predictor->description.type == DDLA_DATA_UINT8 ? sizeof(uint8_t) : sizeof(float);
}

ddla_status ddla_predictor_predict(double *probability, ddla_predictor *predictor,
                                   const void *samples, int64_t count) {
  if (predictor->description.type == DDLA_DATA_TOKENS)
    return DDLA_FAIL(UNSUPPORTED, "the run's model continues texts; ddla_predictor_predict takes "
                                  "images and rows of tables");
  return ddla_inference_predict(probability, predictor->inference, samples, count);
}

static ddla_status find_part(ddla_data_part *out, const char *word) {
  static const char *const names[] = {[DDLA_DATA_TRAIN] = "train",
                                      [DDLA_DATA_VALIDATION] = "validation",
                                      [DDLA_DATA_TEST] = "test"};
  for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
    if (strcmp(word, names[i]) == 0) {
      *out = (ddla_data_part)i;
      return DDLA_OK;
    }
  return DDLA_FAIL(INVALID, "%s is no part of the data; expected test, validation or train",
                   ddla_text_quote(word).text);
}

ddla_status ddla_predictor_evaluate(double *accuracy, double *loss, ddla_predictor *predictor,
                                    const char *part) {
  ddla_dataset *set = NULL, *whole = NULL;
  ddla_evaluation found = {0};
  ddla_data_part which = DDLA_DATA_TEST;
  int64_t lanes = predictor->job->parallel.lanes;
  if (lanes == 0) lanes = ddla_machine_processors();
  DDLA_TRY(find_part(&which, part));
  DDLA_TRY(ddla_inference_data(&set, &whole, predictor->inference, which));
  ddla_status status = ddla_inference_evaluate(&found, predictor->inference, set, (int)lanes);
  ddla_dataset_close(set);
  ddla_dataset_close(whole);
  DDLA_TRY(status);
  *accuracy = found.accuracy;
  *loss = found.loss;
  return DDLA_OK;
}
