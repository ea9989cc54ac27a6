/* Numbers held between two bounds: min 0 and max 6 make the relu6 of Krizhevsky 2010. The gradient
 * passes between the bounds and is 0 on them, as relu's is at 0; NaN stays NaN. */
#include "op/check.h"
#include "op/sample.h"

typedef struct bounds {
  float min, max;
} bounds;

static bounds bounds_of(const ddla_op_call *call) {
  return (bounds){(float)ddla_attrs_real(&call->attrs, "min", 0),
                  (float)ddla_attrs_real(&call->attrs, "max", 1)};
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  const bounds b = bounds_of(call);
  if (!(b.min <= b.max))
    return DDLA_FAIL(INVALID, "min is %g and max is %g; min must not be larger", (double)b.min,
                     (double)b.max);
  call->backward_reads_input[0] = true;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const bounds b = bounds_of(call);
  for (int64_t i = 0; i < count; i++) y[i] = x[i] < b.min ? b.min : x[i] > b.max ? b.max : x[i];
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  const bounds b = bounds_of(call);
  for (int64_t i = 0; i < count; i++) dx[i] += x[i] > b.min && x[i] < b.max ? dy[i] : 0;
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  if (!ddla_op_sample_elementwise(index, call, 1)) return false;
  if (index > 0) ddla_attrs_set_real(&call->attrs, "min", -0.25 * index);
  if (index % 2) ddla_attrs_set_real(&call->attrs, "max", 0.25);
  return true;
}

const ddla_op ddla_op_clamp = {.name = "clamp",
                               .math = "y = min(max(x, min), max)",
                               .inputs = "x [...]",
                               .attrs = "min=0.0 max=1.0",
                               .input_min = 1,
                               .input_max = 1,
                               .infer = infer,
                               .forward = forward,
                               .backward = backward,
                               .sample = sample,
                               .fill = ddla_op_fill_inputs_apart};
