#include "op/convolution.h"

#include <inttypes.h>

#include "op/check.h"

/* Sequences [N, L, C] as images [N, 1, L, C], kernels [O, I, K] as [O, I, 1, K]. */
static ddla_shape with_line(const ddla_shape *shape, int at) {
  ddla_shape made = {.rank = 4};
  for (int d = 0; d < 4; d++)
    made.dim[d] = d < at ? shape->dim[d] : d == at ? 1 : shape->dim[d - 1];
  return made;
}

ddla_status ddla_convolution_flat(ddla_op_call *flat, const ddla_op_call *call) {
  ddla_op_call made = {.op = ddla_op_find("conv2d"),
                       .input_count = call->input_count,
                       .training = call->training,
                       .precision = call->precision};
  for (int i = 0; i < call->input_count; i++) {
    made.present[i] = call->present[i];
    made.wants_grad[i] = call->wants_grad[i];
    made.parameter_id[i] = -1;
    made.input[i].dtype = call->input[i].dtype;
    made.input[i].shape =
        i == 2 ? call->input[i].shape : with_line(&call->input[i].shape, i == 0 ? 1 : 2);
  }
  const int64_t stride[2] = {1, ddla_attrs_int(&call->attrs, "stride", 0, 1)};
  const int64_t padding[2] = {0, ddla_attrs_int(&call->attrs, "padding", 0, 0)};
  const int64_t dilation[2] = {1, ddla_attrs_int(&call->attrs, "dilation", 0, 1)};
  ddla_attrs_set_ints(&made.attrs, "stride", stride, 2);
  ddla_attrs_set_ints(&made.attrs, "padding", padding, 2);
  ddla_attrs_set_ints(&made.attrs, "dilation", dilation, 2);
  ddla_attrs_set_int(&made.attrs, "groups", ddla_attrs_int(&call->attrs, "groups", 0, 1));
  ddla_attrs_set_int(&made.attrs, "activation", ddla_attrs_int(&call->attrs, "activation", 0, 0));
  ddla_status status = ddla_op_infer(&made);
  if (status != DDLA_OK) return ddla_status_prefix(status, "as images of one line: ");
  *flat = made;
  return DDLA_OK;
}

void ddla_convolution_point(ddla_op_call *flat, const ddla_op_call *call) {
  for (int i = 0; i < call->input_count; i++) {
    flat->input[i].data = call->input[i].data;
    flat->input_grad[i].data = call->input_grad[i].data;
    flat->parameter_id[i] = call->parameter_id[i];
  }
  flat->output[0].data = call->output[0].data;
  flat->output_grad[0].data = call->output_grad[0].data;
  flat->saved = call->saved;
  flat->scratch = call->scratch;
  flat->parameter_version = call->parameter_version;
  flat->packs = call->packs;
}

enum { ATTR_MAX = 1 << 20 }; /* keeps all sums far from overflow */

static ddla_status read_attr(int64_t *out, const ddla_op_call *call, const char *name, int axis,
                             const int64_t range[2]) {
  const int64_t value = ddla_attrs_int(&call->attrs, name, axis, range[0]);
  if (ddla_attrs_count(&call->attrs, name) > 2)
    return DDLA_FAIL(INVALID, "%s takes one or two numbers, not %d", name,
                     ddla_attrs_count(&call->attrs, name));
  if (value < range[0] || value > range[1])
    return DDLA_FAIL(INVALID, "%s is %" PRId64 "; it can be %" PRId64 " to %" PRId64, name, value,
                     range[0], range[1]);
  *out = value;
  return DDLA_OK;
}

/* Size of y along the height (axis 0) or width. */
static ddla_status turned_size(int64_t *out, const ddla_op_call *call, int axis) {
  const ddla_shape *x = &call->input[0].shape, *w = &call->input[1].shape;
  int64_t stride = 0, padding = 0, dilation = 0, more = 0;
  DDLA_TRY(read_attr(&stride, call, "stride", axis, (int64_t[]){1, ATTR_MAX}));
  DDLA_TRY(read_attr(&padding, call, "padding", axis, (int64_t[]){0, ATTR_MAX}));
  DDLA_TRY(read_attr(&dilation, call, "dilation", axis, (int64_t[]){1, ATTR_MAX}));
  DDLA_TRY(read_attr(&more, call, "output_padding", axis, (int64_t[]){0, stride - 1}));
  const int64_t in = x->dim[1 + axis], kernel = w->dim[2 + axis];
  int64_t size = 0;
  if (in <= ATTR_MAX && kernel <= ATTR_MAX)
    size = (in - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1;
  if (size < 1) {
    char text[2][96];
    return DDLA_FAIL(INVALID,
                     "input has %s, weight %s and padding is %" PRId64 "; no %s is left, or the "
                     "sizes are above %d",
                     ddla_shape_text(text[0], sizeof text[0], x),
                     ddla_shape_text(text[1], sizeof text[1], w), padding,
                     axis ? "width" : "height", ATTR_MAX);
  }
  *out = size;
  return DDLA_OK;
}

ddla_status ddla_convolution_turned(ddla_op_call *turned, const ddla_op_call *call) {
  static const char *const names[] = {"stride", "padding", "dilation"};
  const ddla_shape *x = &call->input[0].shape, *w = &call->input[1].shape;
  const int64_t groups = ddla_attrs_int(&call->attrs, "groups", 0, 1);
  int64_t size[2] = {0};
  for (int axis = 0; axis < 2; axis++) DDLA_TRY(turned_size(&size[axis], call, axis));
  ddla_op_call made = {.op = ddla_op_find("conv2d"),
                       .input_count = 2,
                       .present = {true, true},
                       .wants_grad = {true, ddla_op_wants(call, 1)},
                       .parameter_id = {-1, -1},
                       .training = true,
                       .precision = call->precision};
  made.input[0].shape = DDLA_SHAPE(x->dim[0], size[0], size[1], w->dim[1] * groups);
  made.input[1].shape = *w;
  for (int i = 0; i < 3; i++) {
    const int64_t pair[2] = {ddla_attrs_int(&call->attrs, names[i], 0, i != 1),
                             ddla_attrs_int(&call->attrs, names[i], 1, i != 1)};
    ddla_attrs_set_ints(&made.attrs, names[i], pair, 2);
  }
  ddla_attrs_set_int(&made.attrs, "groups", groups);
  DDLA_TRY(ddla_op_check_shape(&made.input[0].shape, "output", 0));
  DDLA_TRY(ddla_op_infer(&made));
  *turned = made;
  return DDLA_OK;
}
