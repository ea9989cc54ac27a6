/* Mean over a sliding window; padded places count as zeros, as PyTorch does by default. */
#include "op/check.h"
#include "op/sample.h"
#include "op/window.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 4, 4));
  ddla_window window = {0};
  DDLA_TRY(ddla_window_infer_pool(&window, call));
  ddla_shape y = DDLA_SHAPE(window.batch, window.out[0], window.out[1], window.channels);
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  return DDLA_OK;
}

static double window_mean(const ddla_window *window, const float *image, int64_t oh, int64_t ow,
                          int64_t c) {
  double sum = 0;
  for (int64_t kh = 0; kh < window->kernel[0]; kh++)
    for (int64_t kw = 0; kw < window->kernel[1]; kw++) {
      int64_t at = ddla_window_place(window, oh, ow, kh, kw);
      if (at >= 0) sum += (double)image[at * window->channels + c];
    }
  return sum / (double)(window->kernel[0] * window->kernel[1]);
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_pool(call);
  float *y = call->output[0].data;
  int64_t image = window.in[0] * window.in[1] * window.channels;
  for (int64_t n = 0; n < window.batch; n++)
    for (int64_t oh = 0; oh < window.out[0]; oh++)
      for (int64_t ow = 0; ow < window.out[1]; ow++)
        for (int64_t c = 0; c < window.channels; c++) {
          const float *x = (const float *)call->input[0].data + n * image;
          *y++ = (float)window_mean(&window, x, oh, ow, c);
        }
  return DDLA_OK;
}

/* Spreads the gradients dy [C] of output (oh, ow) evenly over the window. */
static void window_spread(const ddla_window *window, float *image, const float *dy, int64_t oh,
                          int64_t ow) {
  const float share = 1.0F / (float)(window->kernel[0] * window->kernel[1]);
  for (int64_t kh = 0; kh < window->kernel[0]; kh++)
    for (int64_t kw = 0; kw < window->kernel[1]; kw++) {
      int64_t at = ddla_window_place(window, oh, ow, kh, kw);
      if (at < 0) continue;
      for (int64_t c = 0; c < window->channels; c++)
        image[at * window->channels + c] += dy[c] * share;
    }
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_pool(call);
  const float *dy = call->output_grad[0].data;
  int64_t image = window.in[0] * window.in[1] * window.channels;
  for (int64_t n = 0; n < window.batch; n++)
    for (int64_t oh = 0; oh < window.out[0]; oh++)
      for (int64_t ow = 0; ow < window.out[1]; ow++, dy += window.channels)
        window_spread(&window, (float *)call->input_grad[0].data + n * image, dy, oh, ow);
  return DDLA_OK;
}

const ddla_op ddla_op_average_pool = {
    .name = "average_pool",
    .math = "y[n,h,w,c] = sum_(i,j) x[n, h s + i - p, w s + j - p, c] / (KH KW)",
    .inputs = "x [N,H,W,C]",
    .attrs = "kernel= stride=kernel padding=0",
    .input_min = 1,
    .input_max = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = ddla_op_sample_pool};
