/* Binary cross entropy of sigmoid(logits) with targets in [0, 1], in the form that cannot overflow:
 * for each sample the mean over its elements, summed over the samples. */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_equal(call, 0, 1));
  ddla_op_set_loss(call);
  call->backward_reads_input[0] = true;
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *z = call->input[0].data, *target = call->input[1].data;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t count = ddla_shape_count(shape), samples = shape->dim[0];
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    double x = (double)z[i];
    sum += (x > 0 ? x : 0) - x * (double)target[i] + log1p(exp(-fabs(x)));
  }
  *(double *)call->output[0].data = sum / (double)(count / samples);
  *(double *)call->output[1].data = (double)samples;
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *z = call->input[0].data, *target = call->input[1].data;
  float *dz = call->input_grad[0].data, *dt = call->input_grad[1].data;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t count = ddla_shape_count(shape);
  const double elements = (double)(count / shape->dim[0]);
  const double scale = *(const double *)call->output_grad[0].data / elements;
  for (int64_t i = 0; i < count; i++) {
    double x = (double)z[i];
    if (dz) dz[i] += (float)(scale * (1 / (1 + exp(-x)) - (double)target[i]));
    if (dt) dt[i] -= (float)(scale * x);
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_op_sample_loss(index, call);
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  if (input == 0) {
    ddla_op_fill_normal(&call->input[0], rng, 2);
    return;
  }
  float *target = call->input[1].data;
  int64_t count = ddla_shape_count(&call->input[1].shape);
  for (int64_t i = 0; i < count; i++) target[i] = ddla_rng_uniform(rng);
}

const ddla_op ddla_op_binary_cross_entropy = {.name = "binary_cross_entropy",
                                              .math =
                                                  "loss = sum_n mean over the elements of max(z, "
                                                  "0) - z target + log(1 + exp(-|z|)); count = N",
                                              .inputs = "logits [N,...], target [N,...]",
                                              .input_min = 2,
                                              .input_max = 2,
                                              .infer = infer,
                                              .forward = forward,
                                              .backward = backward,
                                              .sample = sample,
                                              .fill = fill};
