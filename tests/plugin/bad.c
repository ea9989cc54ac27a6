/* Plug-ins that must be refused, one for each value of BAD, and ops that are wrong. */
#include <ddla/plugin.h>

enum {
  FINE,
  OTHER_ABI,
  OTHER_SIZE,
  UNDEFINED,
  NO_NAME,
  OP_TAKEN,
  OP_TWICE,
  OP_NO_FORWARD,
  OP_BAD_NAME,
  MODEL_TAKEN,
  TASK_TAKEN,
  TASK_NO_PRINT,
  FORMAT_TAKEN,
  FORMAT_EMPTY,
  OP_TOO_LARGE,
  OP_NO_FORMAT,
  OP_THREE_OUTPUTS,
  OP_ALIAS,
  OP_ONE_ROW,
  OP_GRADIENT,
  OP_WRITES_OUTSIDE,
  OP_NOT_FINITE,
  TASK_NO_LOSS,
  TASK_SMALL_INPUT,
  TASK_FLOAT_LOSS,
  MODEL_NO_VALUE,
  FORMAT_LABEL,
  FORMAT_SHAPE,
  FORMAT_TWICE,
  OP_NO_SAMPLE
};

#if BAD == 3
ddla_status ddla_of_the_future(void);
#endif

static ddla_status infer(ddla_op_call *call) {
  ddla_shape shape = call->input[0].shape;
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
#if BAD == 3
  DDLA_TRY(ddla_of_the_future());
#endif
  if (BAD == OP_TOO_LARGE) shape.dim[0] = INT64_C(1) << 60;
  if (BAD == OP_ONE_ROW) shape.dim[0] = 1;
  ddla_op_set_output(call, 0, BAD == OP_NO_FORMAT ? (ddla_dtype)77 : DDLA_F32, &shape);
  if (BAD == OP_THREE_OUTPUTS) call->output_count = 3;
  if (BAD == OP_ALIAS) call->alias = 4;
  return DDLA_OK;
}

static int64_t count_of(const ddla_op_call *call) {
  return ddla_shape_count(&call->output[0].shape);
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  for (int64_t i = 0; i < count_of(call); i++) y[i] = 2 * x[i];
  if (BAD == OP_WRITES_OUTSIDE) y[count_of(call)] = 1;
  if (BAD == OP_NOT_FINITE) y[0] = 1 / (y[0] - y[0]);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  for (int64_t i = 0; i < count_of(call); i++) dx[i] += (BAD == OP_GRADIENT ? 1 : 2) * dy[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  static const int64_t shapes[][4] = {{1, 1}, {3, 17}, {16, 32}};
  (void)rng;
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  return true;
}

static const ddla_op twice = {.name = BAD == OP_TAKEN      ? "relu"
                                      : BAD == OP_BAD_NAME ? "a name"
                                                           : "twice",
                              .math = "y = 2 x",
                              .inputs = "x [N,...]",
                              .input_min = 1,
                              .input_max = 1,
                              .infer = infer,
                              .forward = BAD == OP_NO_FORWARD ? NULL : forward,
                              .backward = backward,
                              .sample = BAD == OP_NO_SAMPLE ? NULL : sample};

static ddla_status build_model(ddla_value *logits, ddla_graph *graph, ddla_value input,
                               int64_t classes, const ddla_job *job) {
  ddla_value x = DDLA_NO_VALUE;
  (void)job;
  if (BAD == MODEL_NO_VALUE) return *logits = 1000, DDLA_OK;
  DDLA_TRY(ddla_layer_flatten(&x, graph, input));
  DDLA_TRY(ddla_graph_op(&x, graph, "twice", &x, 1, NULL));
  return ddla_layer_linear(logits, graph, "last", x, classes);
}

static const ddla_named_model model = {BAD == MODEL_TAKEN ? "cnn" : "plain", "one layer",
                                       build_model};

static ddla_status build_task(ddla_task_graph *out, const ddla_job *job,
                              const ddla_task_data *data) {
  const ddla_shape whole =
      DDLA_SHAPE(1, data->shape.height, data->shape.width, data->shape.channels);
  const ddla_shape one = DDLA_SHAPE(1), two = DDLA_SHAPE(1, 1, 1, 1);
  ddla_value made[2];
  out->classes = data->classes;
  DDLA_TRY(ddla_graph_input(&out->input, out->graph, "x", DDLA_F32,
                            BAD == TASK_SMALL_INPUT ? &two : &whole));
  DDLA_TRY(ddla_graph_input(&out->label, out->graph, "y", DDLA_I32, &one));
  DDLA_TRY(ddla_task_build_model(out, job));
  const ddla_value input[2] = {out->logits, out->label};
  DDLA_TRY(ddla_graph_op(made, out->graph, "cross_entropy", input, 2, NULL));
  if (BAD != TASK_NO_LOSS) out->loss = BAD == TASK_FLOAT_LOSS ? out->logits : made[0];
  out->count = made[1];
  return DDLA_OK;
}

static double measure(const ddla_evaluation *found) { return found->accuracy; }

static void print(FILE *file, const ddla_task_report *report) {
  fprintf(file, "%s %g\n", report->part, report->found->loss);
}

static ddla_status tell(ddla_task_writer *writer, const ddla_task_report *report) {
  ddla_task_write_real(writer, "loss", report->found->loss);
  return DDLA_OK;
}

static const ddla_task task = {.name = BAD == TASK_TAKEN ? "language-modelling" : "work",
                               .help = "for tests",
                               .unit = "samples",
                               .metric = "accuracy",
                               .measure = measure,
                               .build = build_task,
                               .print = BAD == TASK_NO_PRINT ? NULL : print,
                               .report = tell};

static ddla_status read(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_records records = {
      .type = DDLA_DATA_UINT8, .shape = {1, 1, 2}, .count = 64, .labelled = true};
  if (BAD == FORMAT_EMPTY) return DDLA_OK;
  if (BAD == FORMAT_SHAPE) records.shape.width = INT64_C(1) << 40;
  DDLA_TRY(ddla_dataset_make(&records, set, source));
  if (BAD == FORMAT_TWICE) DDLA_TRY(ddla_dataset_make(&records, set, source));
  for (int i = 0; i < 64; i++) {
    ((uint8_t *)records.features)[2 * i] = (uint8_t)i;
    ((uint8_t *)records.features)[2 * i + 1] = (uint8_t)(i * 7);
    records.label[i] = BAD == FORMAT_LABEL && i == 9 ? -3 : i % 2;
  }
  return DDLA_OK;
}

static const ddla_data_format format = {.name = BAD == FORMAT_TAKEN ? "csv" : "given",
                                        .looks_for = "anything",
                                        .needs_no_file = true,
                                        .read = read};

static const ddla_op *const ops[] = {&twice, BAD == OP_TWICE ? &twice : NULL, NULL};
static const ddla_named_model *const models[] = {&model, NULL};
static const ddla_task *const tasks[] = {&task, NULL};
static const ddla_data_format *const formats[] = {&format, NULL};

#if BAD == 1 || BAD == 2
extern DDLA_API const ddla_plugin ddla_plugin_entry;
const ddla_plugin ddla_plugin_entry = {.abi = BAD == OTHER_ABI ? 4711 : DDLA_PLUGIN_ABI,
                                       .sizes = {1, 2, 3},
                                       .name = (const char *)8,
                                       .ops = (const ddla_op *const *)16};
#else
DDLA_PLUGIN(.name = BAD == NO_NAME ? "" : "bad", .ops = ops, .models = models, .tasks = tasks,
            .formats = formats);
#endif
