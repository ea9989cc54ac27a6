/* Huber's loss (Huber 1964, doi:10.1214/aoms/1177703732): d^2 / 2 for differences up to delta, from
 * there on the straight line that goes on with the same slope. For each sample the mean over its
 * elements, summed over the samples. */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static double delta_of(const ddla_op_call *call) {
  return ddla_attrs_real(&call->attrs, "delta", 1);
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_equal(call, 0, 1));
  const double delta = delta_of(call);
  if (!(delta > 0 && delta <= 1e9))
    return DDLA_FAIL(INVALID, "delta is %g; it can be above 0 to 1e9", delta);
  ddla_op_set_loss(call);
  call->backward_reads_input[0] = call->backward_reads_input[1] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data, *target = call->input[1].data;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t count = ddla_shape_count(shape), samples = shape->dim[0];
  const double delta = delta_of(call);
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    const double d = fabs((double)x[i] - (double)target[i]);
    sum += d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta);
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
  const double delta = delta_of(call), elements = (double)(count / shape->dim[0]);
  const double scale = *(const double *)call->output_grad[0].data / elements;
  for (int64_t i = 0; i < count; i++) {
    const double d = (double)x[i] - (double)target[i];
    const float slope = (float)(scale * (d > delta ? delta : d < -delta ? -delta : d));
    if (dx) dx[i] += slope;
    if (dt) dt[i] -= slope;
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  if (!ddla_op_sample_loss(index, call)) return false;
  if (index % 2) ddla_attrs_set_real(&call->attrs, "delta", 0.75 - 0.125 * index);
  return true;
}

const ddla_op ddla_op_huber_loss = {
    .name = "huber_loss",
    .math = "loss = sum_n mean over the elements of (|d| <= delta ? d^2 / 2 : delta (|d| - delta / "
            "2)), d = x[n] - target[n]; count = N",
    .inputs = "x [N,...], target [N,...]",
    .attrs = "delta=1.0",
    .input_min = 2,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
