/* Two-dimensional convolution (cross-correlation, as in PyTorch) of images [N, H, W, C] with
 * weights [O, C / groups, KH, KW], with the relu that often follows it fused in. The reference sums
 * in double precision. */
#include <inttypes.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"
#include "op/window.h"

static ddla_status check_channels(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *w = &call->input[1].shape;
  int64_t groups = ddla_attrs_int(&call->attrs, "groups", 0, 1);
  if (groups < 1 || x->dim[3] % groups || w->dim[0] % groups)
    return DDLA_FAIL(INVALID,
                     "groups is %" PRId64 ", but must divide the input's %" PRId64
                     " channels and the output's %" PRId64,
                     groups, x->dim[3], w->dim[0]);
  if (x->dim[3] / groups == w->dim[1]) return DDLA_OK;
  char text[2][96];
  return DDLA_FAIL(INVALID, "input has %s but weight %s wants %" PRId64 " channels",
                   ddla_shape_text(text[0], sizeof text[0], x),
                   ddla_shape_text(text[1], sizeof text[1], w), w->dim[1] * groups);
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 4, 4));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 4, 4));
  DDLA_TRY(ddla_op_check_activation(call));
  DDLA_TRY(check_channels(call));
  const ddla_shape *w = &call->input[1].shape;
  ddla_window window = {0};
  DDLA_TRY(ddla_window_infer(&window, call, w->dim + 2, 1));
  if (ddla_op_has(call, 2)) DDLA_TRY(ddla_op_check_vector(call, 2, w->dim[0], "bias"));
  ddla_shape y = DDLA_SHAPE(window.batch, window.out[0], window.out[1], w->dim[0]);
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  call->backward_reads_output[0] = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1;
  if (!call->training) return DDLA_OK;
  int64_t sums = ddla_shape_count(w) + w->dim[0];
  if (ddla_op_wants(call, 0)) sums += ddla_shape_span(&call->input[0].shape, 1, 4);
  call->scratch_bytes = (size_t)sums * sizeof(double);
  return DDLA_OK;
}

typedef struct geometry {
  ddla_window window;
  int64_t taps;                          /* of the kernel */
  int64_t channels, group_in, group_out; /* of the output; of one group in and out */
  bool relu;
} geometry;

static geometry geometry_of(const ddla_op_call *call) {
  const ddla_shape *w = &call->input[1].shape;
  return (geometry){.window = ddla_window_of_conv(call),
                    .taps = w->dim[2] * w->dim[3],
                    .channels = w->dim[0],
                    .group_in = w->dim[1],
                    .group_out = w->dim[0] / ddla_attrs_int(&call->attrs, "groups", 0, 1),
                    .relu = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1};
}

/* Sum over the window at output place (oh, ow) of one image for output channel o. */
static double window_sum(const geometry *g, const float *image, const float *w, int64_t place,
                         int64_t o) {
  int64_t oh = place / g->window.out[1], ow = place % g->window.out[1];
  const float *wo = w + o * g->group_in * g->taps;
  double sum = 0;
  for (int64_t tap = 0; tap < g->taps; tap++) {
    int64_t kh = tap / g->window.kernel[1], kw = tap % g->window.kernel[1];
    int64_t at = ddla_window_place(&g->window, oh, ow, kh, kw);
    if (at < 0) continue;
    const float *x = image + at * g->window.channels + o / g->group_out * g->group_in;
    for (int64_t c = 0; c < g->group_in; c++) sum += (double)x[c] * wo[c * g->taps + tap];
  }
  return sum;
}

static ddla_status forward(const ddla_op_call *call) {
  const geometry g = geometry_of(call);
  const float *x = call->input[0].data, *w = call->input[1].data;
  const float *b = ddla_op_has(call, 2) ? call->input[2].data : NULL;
  float *y = call->output[0].data;
  int64_t places = g.window.out[0] * g.window.out[1];
  int64_t image = g.window.in[0] * g.window.in[1] * g.window.channels;
  for (int64_t n = 0; n < g.window.batch; n++)
    for (int64_t place = 0; place < places; place++)
      for (int64_t o = 0; o < g.channels; o++) {
        double sum = window_sum(&g, x + n * image, w, place, o) + (b ? (double)b[o] : 0);
        y[(n * places + place) * g.channels + o] = g.relu && sum <= 0 ? 0 : (float)sum;
      }
  return DDLA_OK;
}

/* What backward of one image reads, and its sums in double precision: of dx (this image), dw and
 * db; null: not wanted. */
typedef struct image_flow {
  const float *image, *weight;
  double *x, *w, *b;
} image_flow;

/* Spreads gradient dy of output (place, o) over the window's inputs and weights. */
static void window_spread(const geometry *g, const image_flow *f, int64_t place, int64_t o,
                          double dy) {
  int64_t oh = place / g->window.out[1], ow = place % g->window.out[1];
  for (int64_t tap = 0; tap < g->taps; tap++) {
    int64_t kh = tap / g->window.kernel[1], kw = tap % g->window.kernel[1];
    int64_t at = ddla_window_place(&g->window, oh, ow, kh, kw);
    if (at < 0) continue;
    int64_t xi = at * g->window.channels + o / g->group_out * g->group_in;
    int64_t wi = o * g->group_in * g->taps + tap;
    for (int64_t c = 0; c < g->group_in; c++) {
      if (f->x) f->x[xi + c] += dy * f->weight[wi + c * g->taps];
      if (f->w) f->w[wi + c * g->taps] += dy * f->image[xi + c];
    }
  }
}

static void backward_image(const ddla_op_call *call, const geometry *g, const image_flow *f,
                           int64_t n) {
  const float *y = call->output[0].data, *dy = call->output_grad[0].data;
  int64_t places = g->window.out[0] * g->window.out[1];
  for (int64_t place = 0; place < places; place++)
    for (int64_t o = 0; o < g->channels; o++) {
      int64_t at = (n * places + place) * g->channels + o;
      if (g->relu && y[at] <= 0) continue;
      if (f->b) f->b[o] += (double)dy[at];
      window_spread(g, f, place, o, (double)dy[at]);
    }
}

static void add(float *to, const double *from, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] += (float)from[i];
}

static ddla_status backward(const ddla_op_call *call) {
  const geometry g = geometry_of(call);
  const int64_t image = g.window.in[0] * g.window.in[1] * g.window.channels;
  const int64_t weights = ddla_shape_count(&call->input[1].shape);
  double *scratch = call->scratch;
  float *dx = call->input_grad[0].data, *dw = call->input_grad[1].data;
  float *db = ddla_op_has(call, 2) ? call->input_grad[2].data : NULL;
  image_flow f = {.image = call->input[0].data,
                  .weight = call->input[1].data,
                  .w = dw ? scratch : NULL,
                  .b = db ? scratch + weights : NULL,
                  .x = dx ? scratch + weights + g.channels : NULL};
  memset(scratch, 0, (size_t)(weights + g.channels) * sizeof *scratch);
  for (int64_t n = 0; n < g.window.batch; n++) {
    if (dx) memset(f.x, 0, (size_t)image * sizeof *scratch);
    backward_image(call, &g, &f, n);
    if (dx) add(dx + n * image, f.x, image);
    f.image += image;
  }
  if (dw) add(dw, f.w, weights);
  if (db) add(db, f.b, g.channels);
  return DDLA_OK;
}

/* N, H, W, C, O, KH, KW, bias, activation, then stride, padding and dilation (height, width),
 * groups */
static const int64_t samples[][16] = {{1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1},
                                      {2, 5, 5, 3, 4, 3, 3, 1, 0, 1, 1, 0, 0, 1, 1, 1},
                                      {1, 7, 5, 2, 3, 3, 2, 1, 0, 2, 1, 1, 0, 1, 1, 1},
                                      {2, 6, 7, 4, 6, 3, 3, 1, 0, 1, 1, 1, 1, 1, 1, 2},
                                      {1, 8, 9, 2, 2, 3, 3, 0, 0, 1, 2, 2, 1, 2, 2, 1},
                                      {2, 5, 6, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 6},
                                      {2, 5, 6, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                                      {3, 6, 5, 3, 4, 3, 3, 0, 1, 1, 1, 0, 0, 1, 1, 1},
                                      {2, 9, 9, 17, 33, 1, 1, 1, 0, 2, 2, 0, 0, 1, 1, 1},
                                      {16, 28, 28, 1, 32, 3, 3, 1, 1, 1, 1, 0, 0, 1, 1, 1},
                                      {16, 26, 26, 32, 64, 3, 3, 1, 1, 1, 1, 0, 0, 1, 1, 1}};

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  if (index >= (int)(sizeof samples / sizeof samples[0])) return false;
  const int64_t *row = samples[index];
  ddla_op_sample_start(call, row[7] ? 3 : 2);
  call->input[0].shape = ddla_shape_make(4, row);
  call->input[1].shape = DDLA_SHAPE(row[4], row[3] / row[15], row[5], row[6]);
  if (row[7]) call->input[2].shape = DDLA_SHAPE(row[4]);
  if (row[8]) ddla_attrs_set_int(&call->attrs, "activation", 1);
  ddla_attrs_set_ints(&call->attrs, "stride", row + 9, 2);
  ddla_attrs_set_ints(&call->attrs, "padding", row + 11, 2);
  ddla_attrs_set_ints(&call->attrs, "dilation", row + 13, 2);
  ddla_attrs_set_int(&call->attrs, "groups", row[15]);
  return true;
}

static double flops(const ddla_op_call *call) {
  const ddla_shape *w = &call->input[1].shape;
  return 2.0 * (double)ddla_shape_count(&call->output[0].shape) * (double)ddla_shape_span(w, 1, 4);
}

const ddla_op ddla_op_conv2d = {
    .name = "conv2d",
    .math = "y[n,h,w,o] = sum_(c,i,j) x[n, h s + i d - p, w s + j d - p, c] w[o,c,i,j] + b[o], "
            "then the activation",
    .inputs = "x [N,H,W,C], w [O,C/groups,KH,KW], b [O] optional",
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
