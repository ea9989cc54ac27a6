/* y = x + b for each row of the last dimension; db sums dy over the rows. */
#include <string.h>

#include "backend/native/stateless.h"
#include "backend/vector.h"

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const int64_t columns = call->input[1].shape.dim[0],
                count = ddla_shape_count(&call->input[0].shape);
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  for (int64_t i = 0; i < count; i += columns)
    ddla_vector_sum(y + i, x + i, call->input[1].data, columns);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const int64_t columns = call->input[1].shape.dim[0],
                count = ddla_shape_count(&call->input[0].shape);
  const float *dy = call->output_grad[0].data;
  if (call->input_grad[0].data) memcpy(call->input_grad[0].data, dy, (size_t)count * sizeof *dy);
  if (call->input_grad[1].data)
    ddla_vector_sum_rows(call->input_grad[1].data, dy, count / columns, columns);
  return DDLA_OK;
}

DDLA_STATELESS_KERNEL(bias)
