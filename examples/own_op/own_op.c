/* An op of one's own in a network of one's own, on a table of numbers:
 *
 *   own_op check                                     is the gradient right?
 *   own_op TRAIN.csv TEST.csv RUNDIR [AGENTS]        trains by 2 agents
 *
 * The op is swish with a slope that is learned (Ramachandran et al. 2017, "Searching for activation
 * functions", arXiv:1710.05941): y = x sigmoid(slope x), one slope for each column. The last column
 * of the CSV file is the label. */
#include <ddla/ddla.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 2, 2));
  DDLA_TRY(ddla_op_check_vector(call, 1, call->input[0].shape.dim[1], "slope"));
  ddla_op_set_output(call, 0, DDLA_F32, &call->input[0].shape);
  call->backward_reads_input[0] = call->backward_reads_input[1] = true;
  if (ddla_op_wants(call, 1))
    call->scratch_bytes = (size_t)call->input[1].shape.dim[0] * sizeof(double);
  return DDLA_OK;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *slope = call->input[1].data;
  float *y = call->output[0].data;
  const int64_t rows = call->input[0].shape.dim[0], columns = call->input[0].shape.dim[1];
  for (int64_t i = 0; i < rows * columns; i++)
    y[i] = (float)(x[i] * sigmoid((double)slope[i % columns] * x[i]));
  return DDLA_OK;
}

/* dy/dx = s + x slope s (1 - s), dy/dslope = x^2 s (1 - s), s = sigmoid(slope x). The sum over rows
 * is in double and in the order of rows: the same bits every time. */
static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *slope = call->input[1].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data, *dslope = call->input_grad[1].data;
  double *sum = call->scratch;
  const int64_t rows = call->input[0].shape.dim[0], columns = call->input[0].shape.dim[1];
  if (dslope) memset(sum, 0, (size_t)columns * sizeof *sum);
  for (int64_t i = 0; i < rows * columns; i++) {
    const double a = slope[i % columns], v = x[i], s = sigmoid(a * v);
    if (dx) dx[i] += (float)(dy[i] * (s + v * a * s * (1 - s)));
    if (dslope) sum[i % columns] += dy[i] * v * v * s * (1 - s);
  }
  for (int64_t c = 0; dslope && c < columns; c++) dslope[c] += (float)sum[c];
  return DDLA_OK;
}

/* What `own_op check` tries it on: small and odd shapes first, then one of realistic size. */
static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  static const int64_t shapes[][4] = {{1, 1}, {3, 17}, {7, 5}, {64, 256}};
  (void)rng;
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  const int64_t columns[4] = {shapes[index][1]};
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  ddla_op_sample_input(call, 1, DDLA_F32, columns);
  return true;
}

static const ddla_op swish = {.name = "swish_slope",
                              .math = "y[n,c] = x[n,c] sigmoid(slope[c] x[n,c])",
                              .inputs = "x [N,C], slope [C]",
                              .input_min = 2,
                              .input_max = 2,
                              .infer = infer,
                              .forward = forward,
                              .backward = backward,
                              .sample = sample};

/* A hidden layer: linear, then the op with its parameter. */
static ddla_status hidden(ddla_value *x, ddla_graph *graph, const char *name, int64_t width) {
  const ddla_init ones = {.kind = DDLA_INIT_ONES};
  const ddla_shape shape = ddla_shape_make(1, &width);
  char slope_name[64];
  ddla_value input[2];
  DDLA_TRY(ddla_layer_linear(&input[0], graph, name, *x, width));
  snprintf(slope_name, sizeof slope_name, "%s.slope", name);
  DDLA_TRY(ddla_graph_parameter(&input[1], graph, slope_name, &shape, &ones));
  return ddla_graph_use(x, graph, &swish, input, 2, NULL);
}

static ddla_status build(ddla_value *logits, ddla_graph *graph, ddla_value input, int64_t classes,
                         void *argument) {
  ddla_value x = DDLA_NO_VALUE;
  (void)argument;
  DDLA_TRY(ddla_layer_flatten(&x, graph, input));
  DDLA_TRY(hidden(&x, graph, "first", 32));
  DDLA_TRY(hidden(&x, graph, "second", 32));
  return ddla_layer_linear(logits, graph, "last", x, classes);
}

static ddla_status set(ddla_job *job, const char *key, const char *value) {
  char assignment[4200];
  snprintf(assignment, sizeof assignment, "%s=%s", key, value);
  return ddla_job_set(job, assignment);
}

static ddla_status train(char **words, const char *agents) {
  const char *const values[][2] = {{"data.train", words[0]},  {"data.test", words[1]},
                                   {"train.batch", "32"},     {"train.epochs", "10"},
                                   {"train.momentum", "0.9"}, {"parallel.agents", agents}};
  const ddla_own_model own = {.build = build};
  const ddla_train_options options = {.directory = words[2], .own = &own};
  ddla_train_result result = {0};
  ddla_job *job = NULL;
  DDLA_TRY(ddla_job_create(&job));
  ddla_status status = DDLA_OK;
  for (size_t i = 0; !status && i < sizeof values / sizeof values[0]; i++)
    status = set(job, values[i][0], values[i][1]);
  if (!status) status = ddla_train(&result, job, &options);
  if (!status) printf("test accuracy %.4f, model %s\n", result.test_accuracy, result.model_sha256);
  ddla_job_destroy(job);
  return status;
}

static ddla_status check(void) {
  int cases = 0;
  DDLA_TRY(ddla_op_check(&cases, &swish));
  printf("%s: gradients agree with finite differences in %d cases\n", swish.name, cases);
  return DDLA_OK;
}

int main(int argc, char **argv) {
  ddla_status status = DDLA_OK;
  if (argc == 2 && strcmp(argv[1], "check") == 0) status = check();
  else if (argc == 4 || argc == 5) status = train(argv + 1, argc == 5 ? argv[4] : "2");
  else
    return fprintf(stderr, "usage: own_op check | own_op TRAIN.csv TEST.csv RUNDIR [AGENTS]\n"), 2;
  if (status) fprintf(stderr, "own_op: %s\n", ddla_status_message(status));
  return ddla_status_exit(status);
}
