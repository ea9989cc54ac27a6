/* ddla eval: measures a trained model on a part of its job's data. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/trained.h"
#include "task/metrics.h"

static ddla_status choose_part(ddla_data_part *out, const char *word) {
  static const char *const names[] = {"train", "validation", "test"};
  for (int i = 0; word && i < 3; i++)
    if (strcmp(word, names[i]) == 0) {
      *out = (ddla_data_part)i;
      return DDLA_OK;
    }
  if (!word) *out = DDLA_DATA_TEST;
  return word ? DDLA_FAIL(INVALID, "--data %s: expected test, validation or train",
                          ddla_text_quote(word).text)
              : DDLA_OK;
}

/* Names of all classes; text [classes][24] holds those that the data did not name. */
static void name_classes(const char **names, char (*text)[24],
                         const ddla_description *description) {
  for (int64_t c = 0; c < description->classes; c++)
    names[c] = ddla_description_class(description, c, text[c], sizeof text[c]);
}

static ddla_status print_json(const ddla_trained *trained, const ddla_evaluation *found,
                              const char *part, const char *const *names) {
  json_t *report = NULL;
  const ddla_task_report told = {
      .part = part, .found = found, .classes = trained->description.classes, .names = names};
  DDLA_TRY(ddla_task_json(&report, ddla_inference_task(trained->inference), &told));
  json_object_set_new(report, "data", json_string(part));
  json_object_set_new(report, "model", ddla_json_text(trained->path));
  json_object_set_new(report, "sha256", json_string(trained->sha256));
  return ddla_json_print(report);
}

static ddla_status print(const ddla_trained *trained, const ddla_evaluation *found,
                         const char *part, bool json) {
  int64_t classes = trained->description.classes;
  const char **names = NULL;
  char(*text)[24] = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(names, classes));
  DDLA_TRY_CLEAN(status, DDLA_NEW(text, classes));
  name_classes(names, text, &trained->description);
  if (json) {
    DDLA_TRY_CLEAN(status, print_json(trained, found, part, names));
  } else {
    const ddla_task_report told = {
        .part = part, .found = found, .classes = classes, .names = names};
    ddla_inference_task(trained->inference)->print(stdout, &told);
    printf("\nmodel   %s\nsha256  %s\n", trained->path, trained->sha256);
  }
cleanup:
  ddla_free(names);
  ddla_free(text);
  return status;
}

static ddla_status evaluate(ddla_trained *trained, ddla_data_part part, const char *name,
                            bool json) {
  ddla_dataset *set = NULL, *whole = NULL;
  ddla_evaluation found = {0};
  ddla_status status = DDLA_OK;
  int64_t lanes = trained->job->parallel.lanes;
  DDLA_TRY(ddla_inference_data(&set, &whole, trained->inference, part));
  if (lanes == 0) lanes = ddla_machine_processors();
  DDLA_TRY_CLEAN(status, ddla_inference_evaluate(&found, trained->inference, set, (int)lanes));
  DDLA_TRY_CLEAN(status, print(trained, &found, name, json));
cleanup:
  ddla_dataset_close(set);
  ddla_dataset_close(whole);
  return status;
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  const char *model = NULL, *data = NULL;
  bool json = false;
  ddla_data_part part = DDLA_DATA_TEST;
  ddla_trained trained = {0};
  const ddla_words_option options[] = {{"--model", "-m", &model, NULL},
                                       {"--data", "-d", &data, NULL},
                                       {"--json", NULL, NULL, &json}};
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, options, sizeof options / sizeof options[0]));
  if (words.other_count != 1)
    return DDLA_FAIL(INVALID,
                     "ddla eval takes one run directory or job file, not %d; `ddla eval "
                     "--help` says more",
                     words.other_count);
  DDLA_TRY(choose_part(&part, data));
  DDLA_TRY(ddla_trained_open(&trained, &words, words.other[0], model));
  ddla_status status = evaluate(&trained, part, data ? data : "test", json);
  ddla_trained_fini(&trained);
  return status;
}

const ddla_command ddla_command_eval = {
    .name = "eval",
    .arguments = "RUN|JOB.yaml [--model FILE] [--data test|validation|train]",
    .summary = "measures a trained model on test, validation or training samples",
    .help =
        "  RUN                a run directory: its best model, else its average, else its last\n"
        "  -m, --model FILE   another model file; must be given with a job file\n"
        "  -d, --data PART    test (initially), validation or train\n"
        "  --set KEY=VALUE    sets a key of the job, for example data.test=PATH\n"
        "  --json             prints the report as JSON\n",
    .run = run};
