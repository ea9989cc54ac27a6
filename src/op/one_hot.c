/* A row of zeros with a one at the place that a number names. There is no gradient. */
#include <inttypes.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_I32, 0, DDLA_RANK_MAX - 1));
  const int64_t classes = ddla_attrs_int(&call->attrs, "classes", 0, 0);
  if (classes < 1 || classes > INT32_MAX)
    return DDLA_FAIL(INVALID, "classes is %" PRId64 "; it can be 1 to %" PRId32, classes,
                     INT32_MAX);
  ddla_shape y = call->input[0].shape;
  y.dim[y.rank++] = classes;
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const int32_t *x = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t classes = ddla_attrs_int(&call->attrs, "classes", 0, 0);
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  memset(y, 0, (size_t)(count * classes) * sizeof *y);
  for (int64_t i = 0; i < count; i++) {
    if (x[i] < 0 || x[i] >= classes)
      return DDLA_FAIL(INVALID, "element %" PRId64 " is %" PRId32 "; 0 to %" PRId64 " are possible",
                       i, x[i], classes - 1);
    y[i * classes + x[i]] = 1;
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1}, {7}, {0}, {2, 3, 5}, {128}};
  static const int64_t classes[] = {1, 3, 4, 17, 1000};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_I32, shapes[index]);
  ddla_attrs_set_int(&call->attrs, "classes", classes[index]);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  const int64_t classes = ddla_attrs_int(&call->attrs, "classes", 0, 0);
  ddla_op_fill_below(&call->input[input], rng, (uint64_t)classes);
}

const ddla_op ddla_op_one_hot = {.name = "one_hot",
                                 .math = "y[..., c] = 1 where c = x[...], else 0",
                                 .inputs = "x i32 [...]",
                                 .attrs = "classes=",
                                 .input_min = 1,
                                 .input_max = 1,
                                 .infer = infer,
                                 .forward = forward,
                                 .sample = sample,
                                 .fill = fill};
