/* One label for each sample: cross entropy of the softmax of the model's logits. Samples are
 * images, or rows of a table as images of one pixel. */
#include <inttypes.h>

#include "model/model.h"
#include "task/metrics.h"
#include "task/task.h"

static ddla_status build(ddla_task_graph *out, const ddla_job *job, const ddla_task_data *data) {
  const ddla_data_shape shape = data->shape;
  const int64_t classes = data->classes;
  if (classes < 2)
    return DDLA_FAIL(INVALID,
                     "task image-classification: the data have %" PRId64
                     " classes, but at least 2 are "
                     "needed; are there labels in data.train?",
                     classes);
  const ddla_shape image = DDLA_SHAPE(1, shape.height, shape.width, shape.channels),
                   label = DDLA_SHAPE(1);
  out->classes = classes;
  DDLA_TRY(ddla_graph_input(&out->input, out->graph, "image", DDLA_F32, &image));
  DDLA_TRY(ddla_graph_input(&out->label, out->graph, "label", DDLA_I32, &label));
  return ddla_task_build_classifier(out, job, &(ddla_model_task){.vocabulary = 0});
}

static double measure(const ddla_evaluation *found) { return found->accuracy; }

static void print(FILE *file, const ddla_task_report *report) {
  const ddla_evaluation *found = report->found;
  if (report->model)
    fprintf(file, "%s accuracy    %.4f  (of the %s model, %" PRId64 " samples, loss %.4f)\n\n",
            report->part, found->accuracy, report->model, found->count, found->loss);
  else
    fprintf(file, "%s accuracy  %.4f  (%" PRId64 " samples, loss %.4f)\n\n", report->part,
            found->accuracy, found->count, found->loss);
  ddla_metrics_print(file, found->counts, report->classes, report->names);
}

static ddla_status report(ddla_task_writer *writer, const ddla_task_report *report) {
  json_t *made = NULL;
  DDLA_TRY(ddla_metrics_json(&made, report->found->counts, report->classes, report->names));
  ddla_task_write_object(writer, made);
  ddla_task_write_real(writer, "loss", report->found->loss);
  return DDLA_OK;
}

const ddla_task ddla_task_image_classification = {
    .name = "image-classification",
    .help = "one label for each image, or for each row of a table",
    .unit = "samples",
    .metric = "accuracy",
    .measure = measure,
    .build = build,
    .print = print,
    .report = report};
