/* A network of one's own, trained on one's own data by two agents of this program, then used:
 *   own_model TRAIN.csv TEST.csv RUNDIR
 *   own_model predict RUNDIR NUMBER...
 * The last column of the files is the class, the others are numbers. */
#include <ddla/ddla.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_MAX = 1024, CLASSES_MAX = 100 };

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input, int64_t classes,
                         void *argument) {
  (void)argument;
  ddla_value x, skip;
  ddla_status status = ddla_layer_flatten(&x, graph, input);
  if (!status) status = ddla_layer_linear(&x, graph, "enter", x, 64);
  if (!status) status = ddla_layer_apply(&skip, graph, "gelu", x);
  if (!status) status = ddla_layer_linear(&x, graph, "middle", skip, 64);
  if (!status)
    status = ddla_graph_op(&x, graph, "add", (ddla_value[]){x, skip}, 2, NULL); /* a residual sum */
  if (!status) status = ddla_layer_apply(&x, graph, "relu", x);
  if (!status) status = ddla_layer_linear(logits, graph, "leave", x, classes);
  return status;
}

static ddla_status set(ddla_job *job, const char *key, const char *value) {
  char assignment[4200];
  snprintf(assignment, sizeof assignment, "%s=%s", key, value);
  return ddla_job_set(job, assignment);
}

static ddla_status train(const char *data, const char *test, const char *directory,
                         const ddla_own_model *own) {
  ddla_job *job = NULL;
  ddla_train_result result = {0};
  const ddla_train_options options = {.directory = directory, .own = own};
  ddla_status status = ddla_job_create(&job);
  if (!status) status = set(job, "data.train", data);
  if (!status) status = set(job, "data.test", test);
  if (!status) status = set(job, "train.epochs", "20");
  if (!status) status = set(job, "train.batch", "32");
  if (!status) status = set(job, "parallel.agents", "2");
  if (!status) status = ddla_train(&result, job, &options);
  if (!status)
    printf("test accuracy %.4f after %lld steps, model %s\n", result.test_accuracy,
           (long long)result.steps, result.model_sha256);
  ddla_job_destroy(job);
  return status;
}

/* The most probable class of a row of numbers, and how good the model is on the test samples. */
static ddla_status use(ddla_predictor *predictor, const float *row) {
  double probability[CLASSES_MAX] = {0}, accuracy = 0, loss = 0;
  int64_t best = 0;
  ddla_status status = ddla_predictor_predict(probability, predictor, row, 1);
  if (!status) status = ddla_predictor_evaluate(&accuracy, &loss, predictor, "test");
  if (status) return status;
  for (int64_t c = 1; c < ddla_predictor_classes(predictor); c++)
    if (probability[c] > probability[best]) best = c;
  printf("class %s with probability %.4f; test accuracy %.4f\n",
         ddla_predictor_class_name(predictor, best), probability[best], accuracy);
  return DDLA_OK;
}

static ddla_status predict(const char *directory, char **words, int count,
                           const ddla_own_model *own) {
  float row[NUMBERS_MAX];
  ddla_predictor *predictor = NULL;
  for (int i = 0; i < count; i++) row[i] = strtof(words[i], NULL);
  ddla_status status = ddla_predictor_open(&predictor, directory, own);
  if (!status && ddla_predictor_numbers(predictor) == count &&
      ddla_predictor_classes(predictor) <= CLASSES_MAX)
    status = use(predictor, row);
  else if (!status)
    status = ddla_group_fail(DDLA_INVALID, "the model does not take %d numbers", count);
  ddla_predictor_close(predictor);
  return status;
}

int main(int argc, char **argv) {
  const ddla_own_model own = {.build = build};
  ddla_status status = DDLA_OK;
  if (argc > 3 && argc - 3 <= NUMBERS_MAX && strcmp(argv[1], "predict") == 0)
    status = predict(argv[2], argv + 3, argc - 3, &own);
  else if (argc == 4) status = train(argv[1], argv[2], argv[3], &own);
  else
    return fprintf(stderr, "usage: own_model TRAIN.csv TEST.csv RUNDIR\n"
                           "       own_model predict RUNDIR NUMBER...\n"),
           2;
  if (status) fprintf(stderr, "own_model: %s\n", ddla_status_message(status));
  return ddla_status_exit(status);
}
