/* Softmax over the last dimension. */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  ddla_op_set_output(call, 0, DDLA_F32, &call->input[0].shape);
  call->backward_reads_output[0] = true;
  return DDLA_OK;
}

static void softmax_row(float *y, const float *x, int64_t count) {
  float largest = x[0];
  for (int64_t i = 1; i < count; i++)
    if (x[i] > largest) largest = x[i];
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    double power = exp((double)x[i] - (double)largest);
    sum += power;
    y[i] = (float)power;
  }
  for (int64_t i = 0; i < count; i++) y[i] = (float)((double)y[i] / sum);
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t width = x->dim[x->rank - 1], count = ddla_shape_count(x);
  for (int64_t i = 0; i < count; i += width)
    softmax_row((float *)call->output[0].data + i, (const float *)call->input[0].data + i, width);
  return DDLA_OK;
}

/* dx = y (dy - sum_j dy[j] y[j]) */
static ddla_status backward(const ddla_op_call *call) {
  const float *y = call->output[0].data, *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const ddla_shape *x = &call->input[0].shape;
  const int64_t width = x->dim[x->rank - 1], count = ddla_shape_count(x);
  for (int64_t row = 0; row < count; row += width) {
    double sum = 0;
    for (int64_t i = row; i < row + width; i++) sum += (double)dy[i] * (double)y[i];
    for (int64_t i = row; i < row + width; i++)
      dx[i] += (float)((double)y[i] * ((double)dy[i] - sum));
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1}, {3, 1}, {5, 7}, {2, 3, 4, 17}, {16, 10}, {512, 1000}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  return true;
}

const ddla_op ddla_op_softmax = {.name = "softmax",
                                 .math = "y[...,c] = exp(x[...,c]) / sum_j exp(x[...,j])",
                                 .inputs = "x [...,C]",
                                 .input_min = 1,
                                 .input_max = 1,
                                 .infer = infer,
                                 .forward = forward,
                                 .backward = backward,
                                 .sample = sample};
