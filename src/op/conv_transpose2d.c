/* Transposed two-dimensional convolution (Zeiler et al. 2010, doi:10.1109/CVPR.2010.5539957): what
 * conv2d's backward pass does to a gradient, as a layer that enlarges images. x [N, H, W, I],
 * weights [I, O / groups, KH, KW] as PyTorch stores them for ConvTranspose2d: they are those of the
 * conv2d that leads from y back to x. So forward is that convolution's gradient of its input, dx is
 * its forward, and dw is its gradient of the weights.
 *
 * Several sizes of y lead to one size of x where the stride is not 1; output_padding, below the
 * stride, chooses among them. */
#include <inttypes.h>
#include <string.h>

#include "op/check.h"
#include "op/convolution.h"
#include "op/sample.h"

static ddla_status check_channels(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *w = &call->input[1].shape;
  const int64_t groups = ddla_attrs_int(&call->attrs, "groups", 0, 1);
  char text[2][96];
  if (x->dim[3] != w->dim[0])
    return DDLA_FAIL(INVALID, "input has %s but weight %s wants %" PRId64 " channels",
                     ddla_shape_text(text[0], sizeof text[0], x),
                     ddla_shape_text(text[1], sizeof text[1], w), w->dim[0]);
  if (groups >= 1 && w->dim[0] % groups == 0) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "groups is %" PRId64 ", but must divide the input's %" PRId64 " channels",
                   groups, x->dim[3]);
}

static ddla_status infer(ddla_op_call *call) {
  ddla_op_call turned = {0};
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 4, 4));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 4, 4));
  DDLA_TRY(check_channels(call));
  DDLA_TRY(ddla_convolution_turned(&turned, call));
  const ddla_shape *y = &turned.input[0].shape;
  if (ddla_op_has(call, 2)) DDLA_TRY(ddla_op_check_vector(call, 2, y->dim[3], "bias"));
  ddla_op_set_output(call, 0, DDLA_F32, y);
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  /* the convolution's own; then what it gives for dx, or sums of db */
  size_t own = (size_t)ddla_shape_count(&call->input[0].shape) * sizeof(float);
  if (own < (size_t)y->dim[3] * sizeof(double)) own = (size_t)y->dim[3] * sizeof(double);
  call->scratch_bytes = turned.scratch_bytes + own;
  return DDLA_OK;
}

/* The convolution from y to x, with these tensors in y's and x's places. */
static ddla_status turn(ddla_op_call *turned, const ddla_op_call *call, void *y, void *x) {
  DDLA_TRY(ddla_convolution_turned(turned, call));
  turned->input[0].data = y;
  turned->input[1].data = call->input[1].data;
  turned->output[0].data = turned->output_grad[0].data = x;
  turned->scratch = call->scratch;
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  ddla_op_call turned = {0};
  const ddla_shape *shape = &call->output[0].shape;
  const float *b = ddla_op_has(call, 2) ? call->input[2].data : NULL;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(shape), channels = shape->dim[3];
  DDLA_TRY(turn(&turned, call, y, call->input[0].data));
  memset(y, 0, (size_t)count * sizeof *y);
  turned.input_grad[0].data = y;
  DDLA_TRY(turned.op->backward(&turned));
  for (int64_t i = 0; b && i < count; i++) y[i] += b[i % channels];
  return DDLA_OK;
}

/* db and dx both come into the scratch behind the convolution's and are added from there. */
static void backward_bias(const ddla_op_call *call, double *sum) {
  const ddla_shape *y = &call->output[0].shape;
  const float *dy = call->output_grad[0].data;
  float *db = call->input_grad[2].data;
  const int64_t count = ddla_shape_count(y), channels = y->dim[3];
  memset(sum, 0, (size_t)channels * sizeof *sum);
  for (int64_t i = 0; i < count; i++) sum[i % channels] += (double)dy[i];
  for (int64_t c = 0; c < channels; c++) db[c] += (float)sum[c];
}

static ddla_status backward(const ddla_op_call *call) {
  ddla_op_call turned = {0};
  float *dx = call->input_grad[0].data;
  DDLA_TRY(turn(&turned, call, call->output_grad[0].data, NULL));
  void *own = (char *)call->scratch + turned.scratch_bytes;
  if (ddla_op_has(call, 2) && call->input_grad[2].data) backward_bias(call, own);
  if (dx) {
    turned.output[0].data = own;
    DDLA_TRY(turned.op->forward(&turned));
    for (int64_t i = 0; i < ddla_shape_count(&call->input[0].shape); i++)
      dx[i] += ((const float *)own)[i];
  }
  if (!call->input_grad[1].data) return DDLA_OK;
  turned.output_grad[0].data = call->input[0].data;
  turned.input_grad[1].data = call->input_grad[1].data;
  return turned.op->backward(&turned);
}

/* N, H, W, I, O, KH, KW, bias, then stride, padding, output padding and dilation (height, width),
 * groups */
static const int64_t samples[][17] = {{1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1},
                                      {2, 3, 4, 3, 5, 3, 3, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1},
                                      {1, 3, 2, 2, 3, 3, 2, 1, 2, 3, 1, 0, 1, 2, 1, 1, 1},
                                      {2, 4, 3, 4, 6, 3, 3, 1, 1, 2, 1, 1, 0, 1, 1, 1, 2},
                                      {1, 4, 5, 2, 2, 3, 3, 0, 2, 1, 2, 1, 0, 0, 2, 2, 1},
                                      {2, 3, 3, 6, 6, 2, 2, 1, 2, 2, 0, 0, 0, 0, 1, 1, 6},
                                      {2, 5, 5, 16, 32, 3, 3, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1},
                                      {8, 14, 14, 64, 32, 4, 4, 1, 2, 2, 1, 1, 0, 0, 1, 1, 1}};

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const char *const names[] = {"stride", "padding", "output_padding", "dilation"};
  if (index >= (int)(sizeof samples / sizeof samples[0])) return false;
  const int64_t *row = samples[index];
  ddla_op_sample_start(call, row[7] ? 3 : 2);
  call->input[0].shape = ddla_shape_make(4, row);
  call->input[1].shape = DDLA_SHAPE(row[3], row[4] / row[16], row[5], row[6]);
  if (row[7]) call->input[2].shape = DDLA_SHAPE(row[4]);
  for (int i = 0; i < 4; i++) ddla_attrs_set_ints(&call->attrs, names[i], row + 8 + 2 * i, 2);
  ddla_attrs_set_int(&call->attrs, "groups", row[16]);
  return true;
}

static double flops(const ddla_op_call *call) {
  const ddla_shape *w = &call->input[1].shape;
  return 2.0 * (double)ddla_shape_count(&call->input[0].shape) * (double)ddla_shape_span(w, 1, 4);
}

const ddla_op ddla_op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .math = "y[n, h s + i d - p, w s + j d - p, o] = sum over all (h,w,c,i,j) that lead there of "
            "x[n,h,w,c] w[c,o,i,j], + b[o]",
    .inputs = "x [N,H,W,I], w [I,O/groups,KH,KW], b [O] optional",
    .attrs = "stride=1 padding=0 output_padding=0 dilation=1 groups=1",
    .input_min = 2,
    .input_max = 3,
    .operands = 3 | DDLA_OPERAND_GRADIENT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = ddla_op_fill_weighted,
    .flops = flops};
