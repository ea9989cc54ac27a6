/* Squared error: for each sample the mean over its elements, summed over the samples. */
#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_equal(call, 0, 1));
  ddla_op_set_loss(call);
  call->backward_reads_input[0] = call->backward_reads_input[1] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *target = call->input[1].data;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t count = ddla_shape_count(shape), samples = shape->dim[0];
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    double difference = (double)x[i] - (double)target[i];
    sum += difference * difference;
  }
  *(double *)call->output[0].data = sum / (double)(count / samples);
  *(double *)call->output[1].data = (double)samples;
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *target = call->input[1].data;
  float *dx = call->input_grad[0].data, *dt = call->input_grad[1].data;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t count = ddla_shape_count(shape);
  const double elements = (double)(count / shape->dim[0]);
  const double scale = 2 * *(const double *)call->output_grad[0].data / elements;
  for (int64_t i = 0; i < count; i++) {
    float slope = (float)(scale * ((double)x[i] - (double)target[i]));
    if (dx) dx[i] += slope;
    if (dt) dt[i] -= slope;
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_op_sample_loss(index, call);
}

const ddla_op ddla_op_mean_squared_error = {
    .name = "mean_squared_error",
    .math = "loss = sum_n mean over the elements of (x[n] - target[n])^2; count = N",
    .inputs = "x [N,...], target [N,...]",
    .input_min = 2,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
