/* A plug-in for the tests: an op that is a layer and an activation, a model, a classifier's task
 * with a loss of its own, and formats of records, of labels by name and of a text. */
#include <ddla/plugin.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  call->backward_reads_input[0] = true;
  return DDLA_OK;
}

static double sharpness(const ddla_op_call *call) {
  return ddla_attrs_real(&call->attrs, "sharpness", 1.0);
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const double a = sharpness(call);
  for (int64_t i = 0; i < ddla_shape_count(&call->input[0].shape); i++)
    y[i] = (float)((fmax(a * x[i], 0) + log1p(exp(-fabs(a * x[i])))) / a);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const double a = sharpness(call);
  for (int64_t i = 0; i < ddla_shape_count(&call->input[0].shape); i++)
    dx[i] += (float)(dy[i] / (1 + exp(-a * x[i])));
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  if (!ddla_op_sample_elementwise(index, call, 1)) return false;
  if (index % 2) ddla_attrs_set_real(&call->attrs, "sharpness", 2.5);
  return true;
}

static const ddla_op softplus = {.name = "softplus",
                                 .math = "y = log(1 + exp(sharpness x)) / sharpness",
                                 .inputs = "x [...]",
                                 .attrs = "sharpness=1.0",
                                 .input_min = 1,
                                 .input_max = 1,
                                 .infer = infer,
                                 .forward = forward,
                                 .backward = backward,
                                 .sample = sample};

/* A hidden layer as wide as model.width says. */
static ddla_status build_model(ddla_value *logits, ddla_graph *graph, ddla_value input,
                               int64_t classes, const ddla_job *job) {
  ddla_value x = DDLA_NO_VALUE;
  DDLA_TRY(ddla_layer_flatten(&x, graph, input));
  DDLA_TRY(ddla_layer_linear(&x, graph, "first", x, job->model.width ? job->model.width : 16));
  DDLA_TRY(ddla_graph_op(&x, graph, "softplus", &x, 1, NULL));
  return ddla_layer_linear(logits, graph, "last", x, classes);
}

static const ddla_named_model soft = {"soft", "one hidden layer with softplus", build_model};

/* Cross entropy over a fixed number: what matters is that the graph's loss is not the evaluation's.
 */
static ddla_status build_task(ddla_task_graph *out, const ddla_job *job,
                              const ddla_task_data *data) {
  const ddla_shape sample_shape =
      DDLA_SHAPE(1, data->shape.height, data->shape.width, data->shape.channels);
  const ddla_shape label = DDLA_SHAPE(1);
  ddla_value made[2];
  out->classes = data->classes;
  DDLA_TRY(ddla_graph_input(&out->input, out->graph, "x", DDLA_F32, &sample_shape));
  DDLA_TRY(ddla_graph_input(&out->label, out->graph, "y", DDLA_I32, &label));
  DDLA_TRY(ddla_task_build_model(out, job));
  const ddla_value input[2] = {out->logits, out->label};
  DDLA_TRY(ddla_graph_op(made, out->graph, "cross_entropy", input, 2, NULL));
  out->loss = made[0];
  out->count = made[1];
  return DDLA_OK;
}

static double accuracy(const ddla_evaluation *found) { return found->accuracy; }

static void print(FILE *file, const ddla_task_report *report) {
  fprintf(file, "%s right %.4f of %lld\n", report->part, report->found->accuracy,
          (long long)report->found->count);
}

static ddla_status tell(ddla_task_writer *writer, const ddla_task_report *report) {
  ddla_task_write_real(writer, "right", report->found->accuracy);
  ddla_task_write_real(writer, "never", NAN);
  ddla_task_write_text(writer, "first_class", report->names[0]);
  return DDLA_OK;
}

static const ddla_task sorting = {.name = "sorting",
                                  .help = "classes, told in a line",
                                  .unit = "samples",
                                  .metric = "right",
                                  .measure = accuracy,
                                  .build = build_task,
                                  .print = print,
                                  .report = tell};

/* The same, measured by sums of its own: samples, and how many are right. */
static void add(double *sums, const ddla_task_batch *batch) {
  const float *logits = batch->logits.data;
  const int32_t *label = batch->label.data;
  const int64_t classes = batch->logits.shape.dim[1];
  for (int64_t i = 0; i < batch->logits.shape.dim[0]; i++) {
    int64_t best = 0;
    for (int64_t c = 1; c < classes; c++)
      if (logits[i * classes + c] > logits[i * classes + best]) best = c;
    sums[0] += 1;
    sums[1] += best == label[i];
  }
}

static double share(const ddla_evaluation *found) { return found->sums[1] / found->sums[0]; }

static void print_share(FILE *file, const ddla_task_report *report) {
  fprintf(file, "%s right %.4f of %lld\n", report->part, share(report->found),
          (long long)report->found->sums[0]);
}

static ddla_status tell_share(ddla_task_writer *writer, const ddla_task_report *report) {
  ddla_task_write_real(writer, "share", share(report->found));
  ddla_task_write_real(writer, "mean_loss", report->found->loss);
  ddla_task_write_whole(writer, "count", report->found->count);
  return DDLA_OK;
}

static const ddla_task counting = {.name = "counting",
                                   .help = "classes, counted by itself",
                                   .unit = "samples",
                                   .metric = "share",
                                   .measure = share,
                                   .build = build_task,
                                   .add = add,
                                   .sum_count = 2,
                                   .print = print_share,
                                   .report = tell_share};

/* made:SAMPLES names no file: samples of two bytes whose class is which of them is larger. */
static bool made_accepts(const ddla_data_source *source) {
  return strncmp(source->path, "made:", 5) == 0;
}

static ddla_status made_read(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_records records = {.type = DDLA_DATA_UINT8, .shape = {1, 1, 2}, .labelled = true};
  int32_t first = 0, second = 0;
  if (sscanf(source->path, "made:%lld", (long long *)&records.count) != 1)
    return DDLA_FAIL(INVALID, "%s: expected made:SAMPLES", source->path);
  DDLA_TRY(ddla_dataset_make(&records, set, source));
  /* the order in which names are met depends on the part; their numbers must not */
  const bool turned = source->part == DDLA_DATA_TEST;
  DDLA_TRY(ddla_dataset_add_class(turned ? &second : &first, set, turned ? "right" : "left"));
  DDLA_TRY(ddla_dataset_add_class(turned ? &first : &second, set, turned ? "left" : "right"));
  for (int64_t i = 0; i < records.count; i++) {
    uint8_t *x = (uint8_t *)records.features + 2 * i;
    x[0] = (uint8_t)(i * 37 % 251), x[1] = (uint8_t)(i * 91 % 241);
    records.label[i] = x[0] > x[1] ? first : second;
  }
  return DDLA_OK;
}

static const ddla_data_format made_format = {.name = "made",
                                             .looks_for = "made:SAMPLES",
                                             .needs_no_file = true,
                                             .accepts = made_accepts,
                                             .read = made_read};

/* A text of four letters, by numbers. */
static ddla_status letters_read(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_records records = {.type = DDLA_DATA_TOKENS,
                               .shape = {source->window > 0 ? source->window : 8, 1, 1},
                               .length = 4000};
  DDLA_TRY(ddla_dataset_make(&records, set, source));
  for (int64_t i = 0; i < records.length; i++)
    ((uint16_t *)records.features)[i] = (uint16_t)(i % 7 % 4);
  return DDLA_OK;
}

static const ddla_data_format letters = {.name = "letters",
                                         .looks_for = "nothing",
                                         .needs_no_file = true,
                                         .accepts = made_accepts,
                                         .read = letters_read};

static const ddla_op *const ops[] = {&softplus, NULL};
static const ddla_named_model *const models[] = {&soft, NULL};
static const ddla_task *const tasks[] = {&sorting, &counting, NULL};
static const ddla_data_format *const formats[] = {&made_format, &letters, NULL};

DDLA_PLUGIN(.name = "good", .help = "rows of every kind", .ops = ops, .models = models,
            .tasks = tasks, .formats = formats);
