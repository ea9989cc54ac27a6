/* One label for each sample: cross entropy of the softmax of the model's logits. Samples are
 * images, or rows of a table as images of one pixel. */
#include <inttypes.h>

#include "model/model.h"
#include "task/task.h"

static ddla_status add_loss(ddla_task_graph *out, const ddla_job *job) {
  ddla_attrs attrs = {0};
  ddla_attrs_set_real(&attrs, "label_smoothing", job->train.label_smoothing);
  const ddla_value input[2] = {out->logits, out->label};
  ddla_value made[2] = {DDLA_NO_VALUE, DDLA_NO_VALUE};
  DDLA_TRY(ddla_graph_op(made, out->graph, "cross_entropy", input, 2, &attrs));
  out->loss = made[0];
  out->count = made[1];
  DDLA_TRY(ddla_graph_output(out->graph, "logits", out->logits));
  DDLA_TRY(ddla_graph_output(out->graph, "loss", out->loss));
  return ddla_graph_output(out->graph, "count", out->count);
}

static ddla_status build(ddla_task_graph *out, const ddla_job *job, ddla_data_shape shape,
                         int64_t classes) {
  if (classes < 2)
    return DDLA_FAIL(INVALID,
                     "task image-classification: the data have %" PRId64
                     " classes, but at least 2 are "
                     "needed; are there labels in data.train?",
                     classes);
  const ddla_shape image = DDLA_SHAPE(1, shape.height, shape.width, shape.channels),
                   label = DDLA_SHAPE(1);
  out->classes = classes;
  DDLA_TRY(ddla_graph_input(&out->image, out->graph, "image", DDLA_F32, &image));
  DDLA_TRY(ddla_graph_input(&out->label, out->graph, "label", DDLA_I32, &label));
  if (out->own)
    DDLA_TRY(out->own->build(&out->logits, out->graph, out->image, classes, out->own->argument));
  else DDLA_TRY(ddla_model_build(&out->logits, out->graph, out->image, job, classes));
  DDLA_TRY(ddla_model_check_logits(out->graph, out->logits, classes));
  out->key = ddla_graph_find(out->graph, "key");
  return add_loss(out, job);
}

const ddla_task ddla_task_image_classification = {
    .name = "image-classification",
    .help = "one label for each image, or for each row of a table",
    .metric = "accuracy",
    .build = build};
