/* A plug-in: a data format, a task and an op of one's own, in one shared object that a job names.
 *
 *   make && ./make_points train.points 4000 && ./make_points test.points 500 && ddla train job.yaml
 *
 * format points      samples of a few numbers with numbers as their targets; the file's layout is
 * in make_points.c task regression    a model of the job (model.kind: mlp, layers, …) is fitted to
 * the targets; what is measured is the mean absolute error op log_cosh        its loss: near 0 half
 * the square of the error, far from 0 its absolute value
 *
 * `ddla check ./libown_task.so` lists what is in it and checks the op's gradient. */
#include <ddla/plugin.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the op ---- */

static ddla_status loss_infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 2, 2));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 2, 2));
  DDLA_TRY(ddla_op_check_equal(call, 0, 1));
  ddla_op_set_loss(call);
  call->backward_reads_input[0] = call->backward_reads_input[1] = true;
  return DDLA_OK;
}

/* log cosh d without overflow. */
static double log_cosh(double d) { return fabs(d) + log1p(exp(-2 * fabs(d))) - log(2.0); }

static ddla_status loss_forward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *target = call->input[1].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += log_cosh((double)x[i] - (double)target[i]);
  *(double *)call->output[0].data = sum;
  *(double *)call->output[1].data = (double)call->input[0].shape.dim[0];
  return DDLA_OK;
}

static ddla_status loss_backward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *target = call->input[1].data;
  const double scale = *(const double *)call->output_grad[0].data;
  float *dx = call->input_grad[0].data, *dtarget = call->input_grad[1].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) {
    const float slope = (float)(scale * tanh((double)x[i] - (double)target[i]));
    if (dx) dx[i] += slope;
    if (dtarget) dtarget[i] -= slope;
  }
  return DDLA_OK;
}

static bool loss_sample(int index, ddla_rng *rng, ddla_op_call *call) {
  static const int64_t shapes[][4] = {{1, 1}, {3, 2}, {17, 5}, {64, 16}};
  (void)rng;
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  ddla_op_sample_input(call, 1, DDLA_F32, shapes[index]);
  return true;
}

static const ddla_op loss_op = {
    .name = "log_cosh",
    .math = "loss = sum over samples n and targets t of log cosh(x[n,t] - target[n,t]); count = N",
    .inputs = "x [N,T], target [N,T]",
    .input_min = 2,
    .input_max = 2,
    .infer = loss_infer,
    .forward = loss_forward,
    .backward = loss_backward,
    .sample = loss_sample};

/* ---- the data format ---- */

enum { NUMBERS_MAX = 4096 };
static const char magic[4] = {'P', 'T', 'S', '1'};

static bool points_accepts(const ddla_data_source *source) {
  char head[sizeof magic] = {0};
  FILE *file = fopen(source->path, "rb");
  if (!file) return false;
  const size_t read = fread(head, 1, sizeof head, file);
  fclose(file);
  return read == sizeof head && memcmp(head, magic, sizeof magic) == 0;
}

/* Samples, inputs and targets of a sample; the numbers follow. */
static ddla_status read_head(uint32_t head[3], FILE *file, const char *path) {
  char word[sizeof magic];
  if (fread(word, 1, sizeof word, file) != sizeof word || memcmp(word, magic, sizeof magic) != 0)
    return DDLA_FAIL(INVALID, "%s is no file of points: it does not begin with PTS1", path);
  if (fread(head, sizeof *head, 3, file) != 3)
    return DDLA_FAIL(CORRUPT, "%s ends within its head", path);
  if (head[0] < 1 || head[1] < 1 || head[1] > NUMBERS_MAX || head[2] < 1 || head[2] > NUMBERS_MAX)
    return DDLA_FAIL(CORRUPT,
                     "%s: %u samples of %u numbers with %u targets; expected 1 to %d of each", path,
                     head[0], head[1], head[2], NUMBERS_MAX);
  return DDLA_OK;
}

static ddla_status read_points(ddla_data_records *records, FILE *file, const char *path) {
  const size_t inputs = (size_t)records->shape.channels, targets = (size_t)records->targets;
  float *features = records->features;
  for (int64_t i = 0; i < records->count; i++) {
    const size_t read = fread(features + (size_t)i * inputs, sizeof(float), inputs, file) +
                        fread(records->target + (size_t)i * targets, sizeof(float), targets, file);
    if (read != inputs + targets)
      return DDLA_FAIL(CORRUPT, "%s ends within sample %lld of %lld", path, (long long)i,
                       (long long)records->count);
  }
  if (fgetc(file) != EOF) return DDLA_FAIL(CORRUPT, "%s goes on behind its last sample", path);
  for (int64_t i = 0; i < records->count * records->targets; i++)
    if (!isfinite(records->target[i]))
      return DDLA_FAIL(INVALID, "%s: a target of sample %lld is no finite number", path,
                       (long long)(i / records->targets));
  return DDLA_OK;
}

static ddla_status read_file(ddla_dataset *set, const ddla_data_source *source, FILE *file) {
  uint32_t head[3] = {0};
  DDLA_TRY(read_head(head, file, source->path));
  ddla_data_records records = {.type = DDLA_DATA_FLOAT32,
                               .shape = {.height = 1, .width = 1, .channels = head[1]},
                               .count = head[0],
                               .targets = head[2]};
  DDLA_TRY(ddla_dataset_make(&records, set, source));
  return read_points(&records, file, source->path);
}

static ddla_status points_read(ddla_dataset *set, const ddla_data_source *source) {
  FILE *file = fopen(source->path, "rb");
  if (!file) return DDLA_FAIL(INVALID, "%s cannot be read", source->path);
  ddla_status status = read_file(set, source, file);
  fclose(file);
  return status;
}

static const ddla_data_format points = {.name = "points",
                                        .looks_for = "a file that begins with PTS1: numbers and "
                                                     "their targets, see make_points.c",
                                        .accepts = points_accepts,
                                        .read = points_read};

/* ---- the task ---- */

static ddla_status build(ddla_task_graph *out, const ddla_job *job, const ddla_task_data *data) {
  const ddla_shape sample =
      DDLA_SHAPE(1, data->shape.height, data->shape.width, data->shape.channels);
  const ddla_shape target = DDLA_SHAPE(1, data->targets);
  ddla_value made[2];
  out->classes = data->targets;
  DDLA_TRY(ddla_graph_input(&out->input, out->graph, "numbers", DDLA_F32, &sample));
  DDLA_TRY(ddla_graph_input(&out->label, out->graph, "target", DDLA_F32, &target));
  DDLA_TRY(ddla_task_build_model(out, job));
  const ddla_value input[2] = {out->logits, out->label};
  DDLA_TRY(ddla_graph_op(made, out->graph, "log_cosh", input, 2, NULL));
  out->loss = made[0];
  out->count = made[1];
  return DDLA_OK;
}

/* What is added up over an evaluation. */
enum { VALUES, ABSOLUTE, SQUARED, SUMS };

static void add(double *sums, const ddla_task_batch *batch) {
  const float *x = batch->logits.data, *target = batch->label.data;
  const int64_t count = ddla_shape_count(&batch->label.shape);
  for (int64_t i = 0; i < count; i++) {
    const double error = (double)x[i] - (double)target[i];
    sums[VALUES] += 1;
    sums[ABSOLUTE] += fabs(error);
    sums[SQUARED] += error * error;
  }
}

static double mean_error(const ddla_evaluation *found) {
  return found->sums[ABSOLUTE] / found->sums[VALUES];
}

static double root_mean_square(const ddla_evaluation *found) {
  return sqrt(found->sums[SQUARED] / found->sums[VALUES]);
}

static void print(FILE *file, const ddla_task_report *report) {
  fprintf(file, "%s error       %.4f  (mean absolute; %lld samples, loss %.4f)\n", report->part,
          mean_error(report->found), (long long)report->found->count, report->found->loss);
  fprintf(file, "root mean square %.4f\n", root_mean_square(report->found));
}

static ddla_status tell(ddla_task_writer *writer, const ddla_task_report *report) {
  ddla_task_write_real(writer, "loss", report->found->loss);
  ddla_task_write_real(writer, "mean_absolute_error", mean_error(report->found));
  ddla_task_write_real(writer, "root_mean_square_error", root_mean_square(report->found));
  ddla_task_write_whole(writer, "samples", report->found->count);
  return DDLA_OK;
}

static const ddla_task regression = {.name = "regression",
                                     .help = "numbers from numbers, by the loss log_cosh",
                                     .format = "points",
                                     .unit = "samples",
                                     .metric = "mean_absolute_error",
                                     .least_is_best = true,
                                     .of_targets = true,
                                     .measure = mean_error,
                                     .build = build,
                                     .add = add,
                                     .sum_count = SUMS,
                                     .print = print,
                                     .report = tell};

/* ---- the entry ---- */

static const ddla_op *const ops[] = {&loss_op, NULL};
static const ddla_task *const tasks[] = {&regression, NULL};
static const ddla_data_format *const formats[] = {&points, NULL};

DDLA_PLUGIN(.name = "own_task", .help = "regression on files of points", .ops = ops, .tasks = tasks,
            .formats = formats);
