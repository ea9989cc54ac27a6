/* Mean along some axes, in double precision. */
#include "op/reduce.h"

static ddla_status forward(const ddla_op_call *call) {
  ddla_reduction_sum(call, (double)ddla_reduction_of(call).each);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  ddla_reduction_spread(call, (double)ddla_reduction_of(call).each);
  return DDLA_OK;
}

const ddla_op ddla_op_reduce_mean = {.name = "reduce_mean",
                                     .math = "y = mean of x along the axes",
                                     .inputs = "x [...]",
                                     .attrs = "axes=-1 keep=0",
                                     .input_min = 1,
                                     .input_max = 1,
                                     .infer = ddla_reduction_infer_sum,
                                     .forward = forward,
                                     .backward = backward,
                                     .sample = ddla_reduction_sample};
