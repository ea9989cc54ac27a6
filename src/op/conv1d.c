/* One-dimensional convolution (cross-correlation, as in PyTorch) of sequences [N, L, C] with
 * weights [O, C / groups, K]: conv2d on images of one line. */
#include <inttypes.h>

#include "op/check.h"
#include "op/convolution.h"
#include "op/sample.h"

static ddla_status check_channels(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *w = &call->input[1].shape;
  const int64_t groups = ddla_attrs_int(&call->attrs, "groups", 0, 1);
  char text[2][96];
  if (groups < 1 || x->dim[2] % groups || w->dim[0] % groups)
    return DDLA_FAIL(INVALID,
                     "groups is %" PRId64 ", but must divide the input's %" PRId64
                     " channels and the output's %" PRId64,
                     groups, x->dim[2], w->dim[0]);
  if (x->dim[2] / groups == w->dim[1]) return DDLA_OK;
  return DDLA_FAIL(INVALID, "input has %s but weight %s wants %" PRId64 " channels",
                   ddla_shape_text(text[0], sizeof text[0], x),
                   ddla_shape_text(text[1], sizeof text[1], w), w->dim[1] * groups);
}

static ddla_status check_attrs(const ddla_op_call *call) {
  static const char *const names[] = {"stride", "padding", "dilation"};
  for (int i = 0; i < 3; i++) {
    const int count = ddla_attrs_count(&call->attrs, names[i]);
    if (count > 1) return DDLA_FAIL(INVALID, "%s takes one number, not %d", names[i], count);
  }
  return DDLA_OK;
}

static ddla_status infer(ddla_op_call *call) {
  ddla_op_call flat = {0};
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 3, 3));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 3, 3));
  DDLA_TRY(check_channels(call));
  DDLA_TRY(check_attrs(call));
  DDLA_TRY(ddla_convolution_flat(&flat, call));
  const ddla_shape y = DDLA_SHAPE(flat.output[0].shape.dim[0], flat.output[0].shape.dim[2],
                                  flat.output[0].shape.dim[3]);
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  for (int i = 0; i < 3; i++) call->backward_reads_input[i] = flat.backward_reads_input[i];
  call->backward_reads_output[0] = flat.backward_reads_output[0];
  call->scratch_bytes = flat.scratch_bytes;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  ddla_op_call flat = {0};
  DDLA_TRY(ddla_convolution_flat(&flat, call));
  ddla_convolution_point(&flat, call);
  return flat.op->forward(&flat);
}

static ddla_status backward(const ddla_op_call *call) {
  ddla_op_call flat = {0};
  DDLA_TRY(ddla_convolution_flat(&flat, call));
  ddla_convolution_point(&flat, call);
  return flat.op->backward(&flat);
}

/* N, L, C, O, K, bias, activation, stride, padding, dilation, groups */
static const int64_t samples[][11] = {
    {1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1}, {2, 7, 3, 4, 3, 1, 0, 1, 0, 1, 1},
    {3, 8, 2, 3, 3, 1, 0, 2, 1, 1, 1}, {2, 9, 4, 6, 2, 0, 0, 1, 2, 3, 2},
    {2, 6, 3, 5, 3, 1, 1, 1, 1, 1, 1}, {1, 17, 32, 48, 5, 1, 0, 1, 2, 1, 1},
    {2, 5, 6, 6, 3, 1, 0, 1, 1, 1, 6}, {8, 512, 64, 128, 3, 1, 0, 1, 1, 1, 1}};

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const char *const names[] = {"activation", "stride", "padding", "dilation", "groups"};
  static const int64_t initial[] = {0, 1, 0, 1, 1};
  if (index >= (int)(sizeof samples / sizeof samples[0])) return false;
  const int64_t *row = samples[index];
  ddla_op_sample_start(call, row[5] ? 3 : 2);
  call->input[0].shape = ddla_shape_make(3, row);
  call->input[1].shape = DDLA_SHAPE(row[3], row[2] / row[10], row[4]);
  if (row[5]) call->input[2].shape = DDLA_SHAPE(row[3]);
  for (int i = 0; i < 5; i++)
    if (row[6 + i] != initial[i]) ddla_attrs_set_int(&call->attrs, names[i], row[6 + i]);
  return true;
}

static double flops(const ddla_op_call *call) {
  const ddla_shape *w = &call->input[1].shape;
  return 2.0 * (double)ddla_shape_count(&call->output[0].shape) * (double)ddla_shape_span(w, 1, 3);
}

const ddla_op ddla_op_conv1d = {
    .name = "conv1d",
    .math = "y[n,l,o] = sum_(c,i) x[n, l s + i d - p, c] w[o,c,i] + b[o], then the activation",
    .inputs = "x [N,L,C], w [O,C/groups,K], b [O] optional",
    .attrs = "stride=1 padding=0 dilation=1 groups=1 activation=0",
    .input_min = 2,
    .input_max = 3,
    .operands = 3 | DDLA_OPERAND_GRADIENT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = ddla_op_fill_weighted,
    .flops = flops};
