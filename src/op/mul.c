/* Product of two tensors of one shape, element by element. */
#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_infer_elementwise(call));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 0, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_equal(call, 0, 1));
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *a = call->input[0].data, *b = call->input[1].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) y[i] = a[i] * b[i];
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *a = call->input[0].data, *b = call->input[1].data;
  const float *dy = call->output_grad[0].data;
  float *da = call->input_grad[0].data, *db = call->input_grad[1].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; da && i < count; i++) da[i] += dy[i] * b[i];
  for (int64_t i = 0; db && i < count; i++) db[i] += dy[i] * a[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_op_sample_elementwise(index, call, 2);
}

const ddla_op ddla_op_mul = {.name = "mul",
                             .math = "y = a b, element by element",
                             .inputs = "a [...], b [...]",
                             .input_min = 2,
                             .input_max = 2,
                             .infer = infer,
                             .forward = forward,
                             .backward = backward,
                             .sample = sample};
