#include "op/window.h"

#include <inttypes.h>

#include "base/assert.h"

enum { ATTR_MAX = 1 << 20 }; /* keeps all products far from overflow */

static ddla_status read_attr(int64_t *out, const ddla_op_call *call, const char *name, int axis,
                             int64_t fallback, int64_t least) {
  int64_t value = ddla_attrs_int(&call->attrs, name, axis, fallback);
  if (ddla_attrs_count(&call->attrs, name) > 2)
    return DDLA_FAIL(INVALID, "%s takes one or two numbers, not %d", name,
                     ddla_attrs_count(&call->attrs, name));
  if (value < least || value > ATTR_MAX)
    return DDLA_FAIL(INVALID, "%s is %" PRId64 "; it can be %" PRId64 " to %d", name, value, least,
                     ATTR_MAX);
  *out = value;
  return DDLA_OK;
}

static ddla_status infer_axis(ddla_window *window, const ddla_op_call *call, int axis,
                              int64_t fallback_stride) {
  int64_t kernel = window->kernel[axis];
  DDLA_TRY(read_attr(&window->stride[axis], call, "stride", axis,
                     fallback_stride ? fallback_stride : kernel, 1));
  DDLA_TRY(read_attr(&window->padding[axis], call, "padding", axis, 0, 0));
  DDLA_TRY(read_attr(&window->dilation[axis], call, "dilation", axis, 1, 1));
  int64_t reach = window->dilation[axis] * (kernel - 1) + 1;
  int64_t padded = window->in[axis] + 2 * window->padding[axis];
  if (reach > padded) {
    char text[96];
    return DDLA_FAIL(INVALID,
                     "input has %s but the kernel covers %" PRId64 " in %s, more than the %" PRId64
                     " there are with padding",
                     ddla_shape_text(text, sizeof text, &call->input[0].shape), reach,
                     axis ? "width" : "height", padded);
  }
  window->out[axis] = (padded - reach) / window->stride[axis] + 1;
  return DDLA_OK;
}

ddla_status ddla_window_infer(ddla_window *out, const ddla_op_call *call, const int64_t kernel[2],
                              int64_t fallback_stride) {
  const ddla_shape *x = &call->input[0].shape;
  ddla_window window = {.batch = x->dim[0], .channels = x->dim[3]};
  for (int axis = 0; axis < 2; axis++) {
    if (kernel[axis] < 1 || kernel[axis] > ATTR_MAX)
      return DDLA_FAIL(INVALID, "the kernel's size is %" PRId64 "; it can be 1 to %d", kernel[axis],
                       ATTR_MAX);
    window.in[axis] = x->dim[1 + axis];
    window.kernel[axis] = kernel[axis];
    DDLA_TRY(infer_axis(&window, call, axis, fallback_stride));
  }
  *out = window;
  return DDLA_OK;
}

ddla_status ddla_window_infer_pool(ddla_window *out, const ddla_op_call *call) {
  int64_t kernel[2] = {0};
  for (int axis = 0; axis < 2; axis++)
    DDLA_TRY(read_attr(&kernel[axis], call, "kernel", axis, 0, 1));
  ddla_window window = {0};
  DDLA_TRY(ddla_window_infer(&window, call, kernel, 0));
  for (int axis = 0; axis < 2; axis++)
    if (window.padding[axis] > kernel[axis] / 2)
      return DDLA_FAIL(INVALID,
                       "padding is %" PRId64 "; it can be at most half the kernel's %" PRId64,
                       window.padding[axis], kernel[axis]);
  *out = window;
  return DDLA_OK;
}

ddla_window ddla_window_of_pool(const ddla_op_call *call) {
  ddla_window window = {0};
  DDLA_ASSERT(ddla_window_infer_pool(&window, call) == DDLA_OK);
  return window;
}

ddla_window ddla_window_of_conv(const ddla_op_call *call) {
  ddla_window window = {0};
  DDLA_ASSERT(ddla_window_infer(&window, call, call->input[1].shape.dim + 2, 1) == DDLA_OK);
  return window;
}
