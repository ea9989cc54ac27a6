/* A vector added along the last dimension. */
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  const ddla_shape *x = &call->input[0].shape;
  int64_t channels = x->dim[x->rank - 1];
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 1, 1));
  if (call->input[1].shape.dim[0] != channels) {
    char text[2][96];
    return DDLA_FAIL(INVALID, "input has %s but bias has %s",
                     ddla_shape_text(text[0], sizeof text[0], x),
                     ddla_shape_text(text[1], sizeof text[1], &call->input[1].shape));
  }
  ddla_op_set_output(call, 0, DDLA_F32, x);
  if (ddla_op_wants(call, 1)) call->scratch_bytes = (size_t)channels * sizeof(double);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *b = call->input[1].data;
  float *y = call->output[0].data;
  const int64_t channels = call->input[1].shape.dim[0];
  const int64_t rows = ddla_shape_count(&call->input[0].shape) / channels;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < channels; c++) y[r * channels + c] = x[r * channels + c] + b[c];
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data, *db = call->input_grad[1].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const int64_t channels = call->input[1].shape.dim[0];
  for (int64_t i = 0; dx && i < count; i++) dx[i] += dy[i];
  if (!db) return DDLA_OK;
  double *sum = call->scratch;
  memset(sum, 0, (size_t)channels * sizeof *sum);
  for (int64_t r = 0; r < count / channels; r++)
    for (int64_t c = 0; c < channels; c++) sum[c] += (double)dy[r * channels + c];
  for (int64_t c = 0; c < channels; c++) db[c] += (float)sum[c];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1}, {3, 17}, {2, 5, 3, 7}, {5, 1}, {16, 26, 26, 32}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  const ddla_shape *x = &call->input[0].shape;
  call->input[1].shape = DDLA_SHAPE(x->dim[x->rank - 1]);
  return true;
}

const ddla_op ddla_op_bias = {.name = "bias",
                              .math = "y[...,c] = x[...,c] + b[c]",
                              .inputs = "x [...,C], b [C]",
                              .input_min = 2,
                              .input_max = 2,
                              .infer = infer,
                              .forward = forward,
                              .backward = backward,
                              .sample = sample};
