/* Layer normalisation (Ba et al. 2016, arXiv:1607.06450): each row of the last dimension is shifted
 * and scaled to mean 0 and variance 1, then multiplied and shifted element by element. The variance
 * is that of the population (divided by C), and epsilon is added to it, as in PyTorch. */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static double epsilon_of(const ddla_op_call *call) {
  return ddla_attrs_real(&call->attrs, "epsilon", 1e-5);
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  const ddla_shape *x = &call->input[0].shape;
  const int64_t columns = x->dim[x->rank - 1];
  DDLA_TRY(ddla_op_check_vector(call, 1, columns, "weight"));
  if (ddla_op_has(call, 2)) DDLA_TRY(ddla_op_check_vector(call, 2, columns, "bias"));
  const double epsilon = epsilon_of(call);
  if (!(epsilon > 0 && epsilon <= 1))
    return DDLA_FAIL(INVALID, "epsilon is %g; it can be above 0 to 1", epsilon);
  ddla_op_set_output(call, 0, DDLA_F32, x);
  call->backward_reads_input[0] = ddla_op_wants(call, 0) || ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  call->saved_bytes = (size_t)ddla_shape_span(x, 0, x->rank - 1) * 2 * sizeof(double);
  return DDLA_OK;
}

/* What forward leaves for each row. */
typedef struct moments {
  double mean, scale; /* scale: 1 / sqrt(variance + epsilon) */
} moments;

static moments moments_of(const float *x, int64_t columns, double epsilon) {
  double sum = 0, squares = 0;
  for (int64_t c = 0; c < columns; c++) sum += (double)x[c];
  const double mean = sum / (double)columns;
  for (int64_t c = 0; c < columns; c++) squares += ((double)x[c] - mean) * ((double)x[c] - mean);
  return (moments){.mean = mean, .scale = 1 / sqrt(squares / (double)columns + epsilon)};
}

static ddla_status forward(const ddla_op_call *call) {
  const int64_t columns = call->input[1].shape.dim[0];
  const int64_t rows = ddla_shape_count(&call->input[0].shape) / columns;
  const float *w = call->input[1].data;
  const float *b = ddla_op_has(call, 2) ? call->input[2].data : NULL;
  moments *saved = call->saved_bytes ? call->saved : NULL;
  for (int64_t r = 0; r < rows; r++) {
    const float *x = (const float *)call->input[0].data + r * columns;
    float *y = (float *)call->output[0].data + r * columns;
    const moments m = moments_of(x, columns, epsilon_of(call));
    if (saved) saved[r] = m;
    for (int64_t c = 0; c < columns; c++)
      y[c] = (float)(((double)x[c] - m.mean) * m.scale * (double)w[c] + (b ? (double)b[c] : 0));
  }
  return DDLA_OK;
}

/* With g = dy w and n the normalised row: dx = scale (g - mean(g) - n mean(g n)). */
static void backward_row(float *dx, const float *x, const float *dy, const float *w,
                         const moments *m, int64_t columns) {
  double sum = 0, products = 0;
  for (int64_t c = 0; c < columns; c++) {
    const double g = (double)dy[c] * w[c];
    sum += g;
    products += g * ((double)x[c] - m->mean) * m->scale;
  }
  sum /= (double)columns;
  products /= (double)columns;
  for (int64_t c = 0; c < columns; c++) {
    const double n = ((double)x[c] - m->mean) * m->scale;
    dx[c] += (float)(m->scale * ((double)dy[c] * w[c] - sum - n * products));
  }
}

/* Sums over the rows, column by column; with_x: of dy n, else of dy. */
static void backward_column(float *to, const ddla_op_call *call, int64_t rows, int64_t columns,
                            bool with_x) {
  const float *x = call->input[0].data, *dy = call->output_grad[0].data;
  const moments *m = call->saved;
  for (int64_t c = 0; c < columns; c++) {
    double sum = 0;
    for (int64_t r = 0; r < rows; r++) {
      const double g = (double)dy[r * columns + c];
      sum += with_x ? g * ((double)x[r * columns + c] - m[r].mean) * m[r].scale : g;
    }
    to[c] += (float)sum;
  }
}

static ddla_status backward(const ddla_op_call *call) {
  const int64_t columns = call->input[1].shape.dim[0];
  const int64_t rows = ddla_shape_count(&call->input[0].shape) / columns;
  const float *x = call->input[0].data, *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  for (int64_t r = 0; dx && r < rows; r++)
    backward_row(dx + r * columns, x + r * columns, dy + r * columns, call->input[1].data,
                 (const moments *)call->saved + r, columns);
  if (call->input_grad[1].data)
    backward_column(call->input_grad[1].data, call, rows, columns, true);
  if (ddla_op_has(call, 2) && call->input_grad[2].data)
    backward_column(call->input_grad[2].data, call, rows, columns, false);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4];
    int bias;
  } rows[] = {{{3, 7}, 1},    {{1, 16}, 0},  {{2, 3, 5}, 1},    {{5, 33}, 0},
              {{17, 130}, 1}, {{4, 768}, 1}, {{8, 128, 128}, 1}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  ddla_op_sample_start(call, 2 + row->bias);
  ddla_op_sample_input(call, 0, DDLA_F32, row->x);
  const ddla_shape *x = &call->input[0].shape;
  for (int i = 1; i < call->input_count; i++)
    call->input[i].shape = ddla_shape_make(1, &x->dim[x->rank - 1]);
  if (index == 2) ddla_attrs_set_real(&call->attrs, "epsilon", 0.125);
  return true;
}

const ddla_op ddla_op_layer_norm = {
    .name = "layer_norm",
    .math = "y = (x - mean) / sqrt(variance + epsilon) w + b, of each row",
    .inputs = "x [...,C], w [C], b [C] optional",
    .attrs = "epsilon=0.00001",
    .input_min = 2,
    .input_max = 3,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
