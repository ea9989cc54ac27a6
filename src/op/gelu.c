/* Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv:1606.08415): exact, or with tanh as
 * an approximation where the attribute "tanh" is 1. */
#include <inttypes.h>
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  int64_t form = ddla_attrs_int(&call->attrs, "tanh", 0, 0);
  if (form != 0 && form != 1)
    return DDLA_FAIL(INVALID, "tanh is %" PRId64 "; it can be 0 (exact) or 1 (by tanh)", form);
  call->backward_reads_input[0] = true;
  return DDLA_OK;
}

static bool is_tanh(const ddla_op_call *call) {
  return ddla_attrs_int(&call->attrs, "tanh", 0, 0) == 1;
}

static const double root_2_over_pi = 0.79788456080286535588, cubic = 0.044715;

/* Phi(x), the factor of x: (1 + erf(x / sqrt 2)) / 2. */
static double factor_erf(double x) { return 0.5 * (1 + erf(x * 0.70710678118654752440)); }

/* d(x Phi(x)) / dx = Phi(x) + x phi(x) */
static double slope_erf(double x) {
  return factor_erf(x) + x * exp(-0.5 * x * x) * 0.39894228040143267794; /* 1 / sqrt(2 pi) */
}

static double factor_tanh(double x) {
  return 0.5 * (1 + tanh(root_2_over_pi * (x + cubic * x * x * x)));
}

static double slope_tanh(double x) {
  double t = tanh(root_2_over_pi * (x + cubic * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root_2_over_pi * (1 + 3 * cubic * x * x);
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  double (*factor)(double) = is_tanh(call) ? factor_tanh : factor_erf;
  for (int64_t i = 0; i < count; i++) y[i] = (float)((double)x[i] * factor((double)x[i]));
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  double (*slope)(double) = is_tanh(call) ? slope_tanh : slope_erf;
  for (int64_t i = 0; i < count; i++) dx[i] += (float)((double)dy[i] * slope((double)x[i]));
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  if (!ddla_op_sample_elementwise(index / 2, call, 1)) return false;
  ddla_attrs_set_int(&call->attrs, "tanh", 1 - index % 2);
  return true;
}

const ddla_op ddla_op_gelu = {.name = "gelu",
                              .math = "y = x (1 + erf(x / sqrt 2)) / 2; with tanh: y = x (1 + "
                                      "tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2",
                              .inputs = "x [...]",
                              .attrs = "tanh=0",
                              .input_min = 1,
                              .input_max = 1,
                              .infer = infer,
                              .forward = forward,
                              .backward = backward,
                              .sample = sample};
