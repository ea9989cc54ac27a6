/* Maximum over a sliding window. Padded places never win; of equal values the first (in row order)
 * wins and gets the gradient; a NaN wins, so that it is seen later. */
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"
#include "op/window.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 4, 4));
  ddla_window window = {0};
  DDLA_TRY(ddla_window_infer_pool(&window, call));
  ddla_shape y = DDLA_SHAPE(window.batch, window.out[0], window.out[1], window.channels);
  DDLA_TRY(ddla_op_check_shape(&y, "output", 0));
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->saved_bytes = (size_t)ddla_shape_count(&y) * sizeof(int32_t);
  return DDLA_OK;
}

/* Tap (kh * KW + kw) of the largest of channel c in the window at (oh, ow); its value in *largest.
 */
static int32_t find_largest(float *largest, const ddla_window *window, const float *image,
                            int64_t oh, int64_t ow, int64_t c) {
  int32_t winner = -1;
  for (int64_t kh = 0; kh < window->kernel[0]; kh++)
    for (int64_t kw = 0; kw < window->kernel[1]; kw++) {
      int64_t at = ddla_window_place(window, oh, ow, kh, kw);
      if (at < 0) continue;
      float value = image[at * window->channels + c];
      if (winner >= 0 && (value <= *largest || isnan(*largest))) continue;
      *largest = value;
      winner = (int32_t)(kh * window->kernel[1] + kw);
    }
  return winner;
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_pool(call);
  float *y = call->output[0].data;
  int32_t *winners = call->saved_bytes ? call->saved : NULL;
  int64_t image = window.in[0] * window.in[1] * window.channels, to = 0;
  for (int64_t n = 0; n < window.batch; n++)
    for (int64_t oh = 0; oh < window.out[0]; oh++)
      for (int64_t ow = 0; ow < window.out[1]; ow++)
        for (int64_t c = 0; c < window.channels; c++, to++) {
          const float *x = (const float *)call->input[0].data + n * image;
          int32_t winner = find_largest(&y[to], &window, x, oh, ow, c);
          if (winners) winners[to] = winner;
        }
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_pool(call);
  const float *dy = call->output_grad[0].data;
  const int32_t *winners = call->saved;
  int64_t image = window.in[0] * window.in[1] * window.channels, from = 0;
  for (int64_t n = 0; n < window.batch; n++)
    for (int64_t oh = 0; oh < window.out[0]; oh++)
      for (int64_t ow = 0; ow < window.out[1]; ow++)
        for (int64_t c = 0; c < window.channels; c++, from++) {
          float *dx = (float *)call->input_grad[0].data + n * image;
          int64_t kh = winners[from] / window.kernel[1], kw = winners[from] % window.kernel[1];
          dx[ddla_window_place(&window, oh, ow, kh, kw) * window.channels + c] += dy[from];
        }
  return DDLA_OK;
}

const ddla_op ddla_op_max_pool = {.name = "max_pool",
                                  .math =
                                      "y[n,h,w,c] = max_(i,j) x[n, h s + i - p, w s + j - p, c]",
                                  .inputs = "x [N,H,W,C]",
                                  .attrs = "kernel= stride=kernel padding=0",
                                  .input_min = 1,
                                  .input_max = 1,
                                  .infer = infer,
                                  .forward = forward,
                                  .backward = backward,
                                  .sample = ddla_op_sample_pool,
                                  .fill = ddla_op_fill_inputs_apart};
