/* The next character of a text, at each place of a window of it: mean cross entropy in nats for
 * each character. exp(loss) is the perplexity, loss / log 2 the bits for each character. */
#include <inttypes.h>
#include <math.h>

#include "model/model.h"
#include "task/task.h"

static ddla_status build(ddla_task_graph *out, const ddla_job *job, const ddla_task_data *data) {
  const ddla_data_shape shape = data->shape;
  const int64_t classes = data->classes;
  if (shape.width != 1 || shape.channels != 1)
    return DDLA_FAIL(INVALID, "task language-modelling: the data are images or tables, but a text "
                              "is needed; is data.format given?");
  const ddla_shape places = DDLA_SHAPE(1, shape.height);
  out->classes = classes;
  DDLA_TRY(ddla_graph_input(&out->input, out->graph, "tokens", DDLA_I32, &places));
  DDLA_TRY(ddla_graph_input(&out->label, out->graph, "next", DDLA_I32, &places));
  return ddla_task_build_classifier(out, job,
                                    &(ddla_model_task){.vocabulary = classes, .causal = true});
}

static double measure(const ddla_evaluation *found) { return found->loss; }

static double bits(const ddla_evaluation *found) { return found->loss / log(2.0); }

static void print(FILE *file, const ddla_task_report *report) {
  const ddla_evaluation *found = report->found;
  fprintf(file, "%s loss        %.4f nats for each character  (", report->part, found->loss);
  if (report->model) fprintf(file, "of the %s model, ", report->model);
  fprintf(file,
          "%" PRId64 " characters)\nperplexity       %.3f\nbits             %.4f for each "
          "character\naccuracy         %.4f\n",
          found->count, exp(found->loss), bits(found), found->accuracy);
}

static ddla_status report(ddla_task_writer *writer, const ddla_task_report *report) {
  const ddla_evaluation *found = report->found;
  ddla_task_write_real(writer, "loss", found->loss);
  ddla_task_write_real(writer, "perplexity", exp(found->loss));
  ddla_task_write_real(writer, "bits_per_character", bits(found));
  ddla_task_write_real(writer, "accuracy", found->accuracy);
  ddla_task_write_whole(writer, "characters", found->count);
  return DDLA_OK;
}

const ddla_task ddla_task_language_modelling = {
    .name = "language-modelling",
    .help = "the next character of a text, at each place of it",
    .format = "text",
    .unit = "characters",
    .metric = "loss",
    .least_is_best = true,
    .measure = measure,
    .build = build,
    .print = print,
    .report = report};
