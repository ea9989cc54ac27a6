/* A network of one's own, trained on one's own data by two agents of this program. Usage:
 *   own_model TRAIN.csv TEST.csv RUNDIR
 * The last column of the files is the class, the others are numbers. */
#include <ddla/ddla.h>
#include <stdio.h>

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

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "usage: own_model TRAIN.csv TEST.csv RUNDIR\n"), 2;
  ddla_job *job = NULL;
  ddla_train_result result = {0};
  const ddla_own_model own = {.build = build};
  const ddla_train_options options = {.directory = argv[3], .own = &own};
  ddla_status status = ddla_job_create(&job);
  if (!status) status = set(job, "data.train", argv[1]);
  if (!status) status = set(job, "data.test", argv[2]);
  if (!status) status = set(job, "train.epochs", "20");
  if (!status) status = set(job, "train.batch", "32");
  if (!status) status = set(job, "parallel.agents", "2");
  if (!status) status = ddla_train(&result, job, &options);
  if (status) fprintf(stderr, "own_model: %s\n", ddla_status_message(status));
  else
    printf("test accuracy %.4f after %lld steps, model %s\n", result.test_accuracy,
           (long long)result.steps, result.model_sha256);
  ddla_job_destroy(job);
  return ddla_status_exit(status);
}
