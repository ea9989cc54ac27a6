/* Batch normalization over all dimensions but the last (Ioffe and Szegedy 2015, arXiv:1502.03167),
 * with the sum and the relu that end a residual block fused in:
 *
 *   y = relu((x - mean) / sqrt(variance + epsilon) * scale + shift + residual)
 *
 * In training mean and variance are those of the call's rows (the variance divided by their
 * number); output 1 records what was observed, for the running values that evaluation uses instead:
 * number of rows, C means, C sums of squared deviations (state/statistic.h). Without training the
 * record is zero. One row alone gives shift, and its gradient is zero. The reference works in
 * double. */
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

enum { X, SCALE, SHIFT, MEAN, VARIANCE, RESIDUAL };

static double epsilon_of(const ddla_op_call *call) {
  return ddla_attrs_real(&call->attrs, "epsilon", 1e-5);
}

static bool has_relu(const ddla_op_call *call) {
  return ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1;
}

static ddla_status infer(ddla_op_call *call) {
  static const char *const names[] = {"x", "scale", "shift", "mean", "variance"};
  DDLA_TRY(ddla_op_check_input(call, X, DDLA_F32, 2, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_activation(call));
  const ddla_shape *x = &call->input[X].shape;
  const int64_t channels = x->dim[x->rank - 1];
  for (int i = SCALE; i <= VARIANCE; i++)
    DDLA_TRY(ddla_op_check_vector(call, i, channels, names[i]));
  if (ddla_op_has(call, RESIDUAL)) {
    DDLA_TRY(ddla_op_check_input(call, RESIDUAL, DDLA_F32, 2, DDLA_RANK_MAX));
    DDLA_TRY(ddla_op_check_equal(call, X, RESIDUAL));
  }
  double epsilon = epsilon_of(call);
  if (!(epsilon > 0 && epsilon <= 1))
    return DDLA_FAIL(INVALID, "epsilon is %g; it can be above 0 to 1", epsilon);
  call->output_count = 2;
  ddla_op_set_output(call, 0, DDLA_F32, x);
  ddla_op_set_output(call, 1, DDLA_F64, &DDLA_SHAPE(1 + 2 * channels));
  if (!call->training) return DDLA_OK;
  call->saved_bytes = 2 * (size_t)channels * sizeof(double);
  call->backward_reads_input[X] = call->backward_reads_input[SCALE] = true;
  call->backward_reads_output[0] = has_relu(call);
  return DDLA_OK;
}

/* One call in numbers. */
typedef struct geometry {
  int64_t rows, channels;
  double epsilon;
  bool relu;
} geometry;

static geometry geometry_of(const ddla_op_call *call) {
  const int64_t channels = call->input[SCALE].shape.dim[0];
  return (geometry){.rows = ddla_shape_count(&call->input[X].shape) / channels,
                    .channels = channels,
                    .epsilon = epsilon_of(call),
                    .relu = has_relu(call)};
}

/* Mean of channel c, and the sum of squared deviations from it. */
static double observe(double *squares, const geometry *g, const float *x, int64_t c) {
  double sum = 0;
  for (int64_t r = 0; r < g->rows; r++) sum += (double)x[r * g->channels + c];
  const double mean = sum / (double)g->rows;
  *squares = 0;
  for (int64_t r = 0; r < g->rows; r++) {
    const double far = (double)x[r * g->channels + c] - mean;
    *squares += far * far;
  }
  return mean;
}

/* mean and 1 / deviation of channel c, from the rows or from the running values. */
static void moments_of(double *mean, double *factor, const geometry *g, const ddla_op_call *call,
                       int64_t c) {
  double *record = call->output[1].data, squares = 0, variance = 0;
  if (call->training) {
    *mean = observe(&squares, g, call->input[X].data, c);
    variance = squares / (double)g->rows;
    record[1 + c] = *mean;
    record[1 + g->channels + c] = squares;
  } else {
    *mean = (double)((const float *)call->input[MEAN].data)[c];
    variance = (double)((const float *)call->input[VARIANCE].data)[c];
  }
  *factor = 1 / sqrt(variance + g->epsilon);
}

static ddla_status forward(const ddla_op_call *call) {
  const geometry g = geometry_of(call);
  const float *x = call->input[X].data, *scale = call->input[SCALE].data,
              *shift = call->input[SHIFT].data, *residual = call->input[RESIDUAL].data;
  float *y = call->output[0].data;
  double *record = call->output[1].data, *saved = call->saved;
  memset(record, 0, (size_t)(1 + 2 * g.channels) * sizeof *record);
  if (call->training) record[0] = (double)g.rows;
  for (int64_t c = 0; c < g.channels; c++) {
    double mean = 0, factor = 0;
    moments_of(&mean, &factor, &g, call, c);
    if (saved) {
      saved[c] = mean;
      saved[g.channels + c] = factor;
    }
    for (int64_t i = c; i < g.rows * g.channels; i += g.channels) {
      float value = (float)(((double)x[i] - mean) * factor * (double)scale[c] + (double)shift[c]);
      if (residual) value += residual[i];
      y[i] = g.relu && value <= 0 ? 0 : value; /* NaN stays */
    }
  }
  return DDLA_OK;
}

/* The gradient that passes the relu. */
static double gradient_at(const ddla_op_call *call, bool relu, int64_t i) {
  const float *dy = call->output_grad[0].data, *y = call->output[0].data;
  return relu && y[i] <= 0 ? 0 : (double)dy[i];
}

/* Channel c: with g the gradient of the sum before relu and residual, and n the normalized x,
 * dx = scale / deviation * (g - mean(g) - n * mean(g * n)). */
static void backward_channel(const geometry *g, const ddla_op_call *call, int64_t c) {
  const float *x = call->input[X].data, *scale = call->input[SCALE].data;
  float *dx = call->input_grad[X].data, *dscale = call->input_grad[SCALE].data,
        *dshift = call->input_grad[SHIFT].data, *dresidual = call->input_grad[RESIDUAL].data;
  const double *saved = call->saved, mean = saved[c], factor = saved[g->channels + c];
  double sum = 0, product = 0;
  for (int64_t i = c; i < g->rows * g->channels; i += g->channels) {
    const double gradient = gradient_at(call, g->relu, i);
    sum += gradient;
    product += gradient * ((double)x[i] - mean) * factor;
  }
  if (dshift) dshift[c] += (float)sum;
  if (dscale) dscale[c] += (float)product;
  for (int64_t i = c; i < g->rows * g->channels; i += g->channels) {
    const double gradient = gradient_at(call, g->relu, i), n = ((double)x[i] - mean) * factor;
    if (dx)
      dx[i] += (float)((double)scale[c] * factor *
                       (gradient - sum / (double)g->rows - n * product / (double)g->rows));
    if (dresidual) dresidual[i] += (float)gradient;
  }
}

/* The running values take part in no training pass: their gradients stay as they are. */
static ddla_status backward(const ddla_op_call *call) {
  const geometry g = geometry_of(call);
  for (int64_t c = 0; c < g.channels; c++) backward_channel(&g, call, c);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4];
    bool residual, relu;
  } rows[] = {{{1, 3}, false, false},       {{3, 5}, false, false},
              {{6, 17}, false, true},       {{2, 3, 5, 7}, true, true},
              {{2, 4, 3, 16}, true, false}, {{2, 5, 4, 33}, true, true},
              {{3, 2, 5, 64}, false, true}, {{1, 7, 3, 130}, true, true},
              {{9, 9, 8, 20}, false, true}, {{16, 28, 28, 16}, true, true}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, rows[index].residual ? 6 : 5);
  ddla_op_sample_input(call, X, DDLA_F32, rows[index].x);
  const ddla_shape *x = &call->input[X].shape;
  for (int i = SCALE; i <= VARIANCE; i++) call->input[i].shape = DDLA_SHAPE(x->dim[x->rank - 1]);
  if (rows[index].residual) call->input[RESIDUAL] = call->input[X];
  ddla_attrs_set_int(&call->attrs, "activation", rows[index].relu);
  return true;
}

/* Numbers of both signs that keep sums away from 0, where relu has its kink: normalized x is near 1
 * or -1, shift and residual are small. */
static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  static const float least[] = {0.75F, 0.75F, 0.02F, 0, 0.5F, 0.02F},
                     width[] = {0.5F, 0.5F, 0.08F, 0.2F, 1, 0.08F};
  ddla_tensor *tensor = &call->input[input];
  float *to = tensor->data;
  const int64_t channels = call->input[SCALE].shape.dim[0];
  for (int64_t i = 0; i < ddla_shape_count(&tensor->shape); i++) {
    bool negative = input == X ? (i / channels + i % channels) % 2 : ddla_rng_below(rng, 2) == 1;
    float size = least[input] + width[input] * ddla_rng_uniform(rng);
    to[i] = negative && input != VARIANCE ? -size : size;
  }
}

const ddla_op ddla_op_batch_norm = {
    .name = "batch_norm",
    .math = "y = relu((x - mean) / sqrt(variance + epsilon) * scale + shift + residual)",
    .inputs = "x [...,C], scale [C], shift [C], mean [C], variance [C], residual [...,C] optional",
    .attrs = "epsilon=0.00001 activation=0",
    .input_min = 5,
    .input_max = 6,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill};
