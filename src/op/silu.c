/* Sigmoid-weighted linear unit (Elfwing et al. 2018, arXiv:1702.03118; "swish" with beta 1). */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  call->backward_reads_input[0] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) y[i] = (float)((double)x[i] * sigmoid((double)x[i]));
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) {
    double s = sigmoid((double)x[i]);
    dx[i] += (float)((double)dy[i] * s * (1 + (double)x[i] * (1 - s)));
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_op_sample_elementwise(index, call, 1);
}

const ddla_op ddla_op_silu = {.name = "silu",
                              .math = "y = x / (1 + exp(-x))",
                              .inputs = "x [...]",
                              .input_min = 1,
                              .input_max = 1,
                              .infer = infer,
                              .forward = forward,
                              .backward = backward,
                              .sample = sample};
