/* Mean over height and width: sums of rows of channels. */
#include "backend/native/stateless.h"
#include "backend/vector.h"

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const int64_t *dim = call->input[0].shape.dim, places = dim[1] * dim[2];
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  for (int64_t n = 0; n < dim[0]; n++)
    ddla_vector_sum_rows(y + n * dim[3], x + n * places * dim[3], places, dim[3]);
  ddla_vector_scale(y, y, 1.0f / (float)places, dim[0] * dim[3]);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const int64_t *dim = call->input[0].shape.dim, places = dim[1] * dim[2];
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  for (int64_t n = 0; dx && n < dim[0]; n++)
    for (int64_t i = 0; i < places; i++, dx += dim[3])
      ddla_vector_scale(dx, dy + n * dim[3], 1.0f / (float)places, dim[3]);
  return DDLA_OK;
}

DDLA_STATELESS_KERNEL(global_average_pool)
