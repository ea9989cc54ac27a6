/* A multi-layer perceptron on CSV files, trained by 2 agents: csv_mlp TRAIN.csv TEST.csv RUNDIR
 * The last column is the label, a name or a number; the other columns are numbers. */
#include <ddla/ddla.h>
#include <stdio.h>

static ddla_status set(ddla_job *job, const char *key, const char *value) {
  char assignment[4200];
  snprintf(assignment, sizeof assignment, "%s=%s", key, value);
  return ddla_job_set(job, assignment);
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5)
    return fprintf(stderr, "usage: csv_mlp TRAIN.csv TEST.csv RUNDIR [AGENTS]\n"), 2;
  const char *const values[][2] = {{"data.train", argv[1]},
                                   {"data.test", argv[2]},
                                   {"model.kind", "mlp"},
                                   {"model.hidden", "[32, 32]"},
                                   {"train.optimizer", "adamw"},
                                   {"train.learning_rate", "0.005"},
                                   {"train.batch", "32"},
                                   {"train.epochs", "10"},
                                   {"parallel.agents", argc == 5 ? argv[4] : "2"}};
  ddla_job *job = NULL;
  ddla_train_result result = {0};
  const ddla_train_options options = {.directory = argv[3]};
  ddla_status status = ddla_job_create(&job);
  for (size_t i = 0; !status && i < sizeof values / sizeof values[0]; i++)
    status = set(job, values[i][0], values[i][1]);
  if (!status) status = ddla_train(&result, job, &options);
  if (!status) printf("test accuracy %.4f, model %s\n", result.test_accuracy, result.model_sha256);
  else fprintf(stderr, "csv_mlp: %s\n", ddla_status_message(status));
  ddla_job_destroy(job);
  return ddla_status_exit(status);
}
