/* Whole numbers that came as real ones, such as columns of a CSV file that name something. There is
 * no gradient. */
#include <inttypes.h>
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 0, DDLA_RANK_MAX));
  ddla_op_set_output(call, 0, DDLA_I32, &call->input[0].shape);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  int32_t *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; i < count; i++) {
    if (!(x[i] >= -0x1p31f && x[i] < 0x1p31f && x[i] == truncf(x[i])))
      return DDLA_FAIL(INVALID,
                       "to_i32: element %" PRId64 " is %g, which is no whole number of 32 bits; is "
                       "data.standardize false?",
                       i, (double)x[i]);
    y[i] = (int32_t)x[i];
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1}, {7}, {0}, {2, 3, 5}, {128, 33}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  float *x = call->input[input].data;
  const int64_t count = ddla_shape_count(&call->input[input].shape);
  for (int64_t i = 0; i < count; i++) x[i] = (float)ddla_rng_below(rng, 1 << 24) - 0x1p23f;
}

const ddla_op ddla_op_to_i32 = {.name = "to_i32",
                                .math = "y = x, whole numbers as i32",
                                .inputs = "x f32 [...]",
                                .input_min = 1,
                                .input_max = 1,
                                .infer = infer,
                                .forward = forward,
                                .sample = sample,
                                .fill = fill};
