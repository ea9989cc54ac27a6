/* Mean over height and width. */
#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 4, 4));
  const ddla_shape *x = &call->input[0].shape;
  ddla_shape y = DDLA_SHAPE(x->dim[0], x->dim[3]);
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t places = x->dim[1] * x->dim[2], channels = x->dim[3];
  float *y = call->output[0].data;
  for (int64_t n = 0; n < x->dim[0]; n++)
    for (int64_t c = 0; c < channels; c++) {
      const float *image = (const float *)call->input[0].data + n * places * channels;
      double sum = 0;
      for (int64_t i = 0; i < places; i++) sum += (double)image[i * channels + c];
      y[n * channels + c] = (float)(sum / (double)places);
    }
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t places = x->dim[1] * x->dim[2], channels = x->dim[3];
  const float *dy = call->output_grad[0].data, share = 1.0F / (float)places;
  float *dx = call->input_grad[0].data;
  for (int64_t n = 0; n < x->dim[0]; n++)
    for (int64_t i = 0; i < places; i++)
      for (int64_t c = 0; c < channels; c++) *dx++ += dy[n * channels + c] * share;
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1, 1, 1, 1}, {3, 2, 5, 7}, {2, 7, 3, 17}, {16, 7, 7, 512}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  return true;
}

const ddla_op ddla_op_global_average_pool = {.name = "global_average_pool",
                                             .math = "y[n,c] = sum_(h,w) x[n,h,w,c] / (H W)",
                                             .inputs = "x [N,H,W,C]",
                                             .input_min = 1,
                                             .input_max = 1,
                                             .infer = infer,
                                             .forward = forward,
                                             .backward = backward,
                                             .sample = sample};
