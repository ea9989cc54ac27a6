/* Maximum along some axes. Of equal values the first in the input's order wins and gets the
 * gradient, as in max_pool; a NaN wins, so that it is seen later. */
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/reduce.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_reduction_infer(call));
  const size_t outputs = (size_t)ddla_shape_count(&call->output[0].shape);
  call->saved_bytes = outputs * sizeof(int64_t); /* places of the winners in the input */
  call->scratch_bytes = outputs;                 /* whether an output has a value yet */
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  int64_t *winner = call->saved_bytes ? call->saved : NULL;
  uint8_t *seen = call->scratch;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  memset(seen, 0, (size_t)ddla_shape_count(&call->output[0].shape));
  for (ddla_reduction r = ddla_reduction_of(call); r.index < count; ddla_reduction_next(&r)) {
    const float value = x[r.index];
    if (seen[r.place] && (value <= y[r.place] || isnan(y[r.place]))) continue;
    seen[r.place] = 1;
    y[r.place] = value;
    if (winner) winner[r.place] = r.index;
  }
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t *winner = call->saved;
  const int64_t outputs = ddla_shape_count(&call->output[0].shape);
  for (int64_t i = 0; i < outputs; i++) dx[winner[i]] += dy[i];
  return DDLA_OK;
}

const ddla_op ddla_op_reduce_max = {.name = "reduce_max",
                                    .math = "y = maximum of x along the axes",
                                    .inputs = "x [...]",
                                    .attrs = "axes=-1 keep=0",
                                    .input_min = 1,
                                    .input_max = 1,
                                    .infer = infer,
                                    .forward = forward,
                                    .backward = backward,
                                    .sample = ddla_reduction_sample,
                                    .fill = ddla_op_fill_inputs_apart};
