/* Geometry of a window that slides over images [N, H, W, C]: convolution and pooling. Index 0 is
 * the height, 1 the width. */
#ifndef DDLA_OP_WINDOW_H
#define DDLA_OP_WINDOW_H

#include "op/op.h"

typedef struct ddla_window {
  int64_t batch, channels; /* of the input */
  int64_t in[2],
      out[2]; /* out = floor((in + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 */
  int64_t kernel[2], stride[2], padding[2], dilation[2];
} ddla_window;

/* Reads and checks the attributes stride, padding and dilation for input 0 [N, H, W, C] and this
 * kernel. A fallback_stride of 0 means the kernel's size. Errors: INVALID. */
ddla_status ddla_window_infer(ddla_window *out, const ddla_op_call *call, const int64_t kernel[2],
                              int64_t fallback_stride);

/* Window of the "kernel" attribute (pooling); padding at most half of it. Errors: INVALID. */
ddla_status ddla_window_infer_pool(ddla_window *out, const ddla_op_call *call);

/* The same for a call that infer has accepted. */
ddla_window ddla_window_of_pool(const ddla_op_call *call);
ddla_window ddla_window_of_conv(const ddla_op_call *call);

/* Input place (h * W + w) under tap (kh, kw) of the window at output place (oh, ow); -1 in the
 * padding. */
static inline int64_t ddla_window_place(const ddla_window *window, int64_t oh, int64_t ow,
                                        int64_t kh, int64_t kw) {
  int64_t h = oh * window->stride[0] - window->padding[0] + kh * window->dilation[0];
  int64_t w = ow * window->stride[1] - window->padding[1] + kw * window->dilation[1];
  if (h < 0 || h >= window->in[0] || w < 0 || w >= window->in[1]) return -1;
  return h * window->in[1] + w;
}

#endif
