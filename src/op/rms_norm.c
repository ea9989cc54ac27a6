/* Root mean square normalisation over the last dimension (Zhang and Sennrich 2019,
 * arXiv:1910.07467), with a factor for each channel where there is one. Of a row of zeros the
 * result is 0. */
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

typedef struct sizes {
  int64_t rows, channels;
  double epsilon;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  return (sizes){.rows = ddla_shape_span(x, 0, x->rank - 1),
                 .channels = x->dim[x->rank - 1],
                 .epsilon = ddla_attrs_real(&call->attrs, "epsilon", 1e-5)};
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  const sizes s = sizes_of(call);
  if (ddla_op_has(call, 1)) DDLA_TRY(ddla_op_check_vector(call, 1, s.channels, "weight"));
  DDLA_TRY(ddla_op_check_epsilon(call));
  ddla_op_set_output(call, 0, DDLA_F32, &call->input[0].shape);
  call->backward_reads_input[0] = true;
  call->backward_reads_input[1] = ddla_op_has(call, 1) && ddla_op_wants(call, 0);
  call->saved_bytes = (size_t)s.rows * sizeof(float); /* 1 / root mean square of each row */
  if (ddla_op_wants(call, 1)) call->scratch_bytes = (size_t)s.channels * sizeof(double);
  return DDLA_OK;
}

static float inverse_rms(const float *x, const sizes *s) {
  double sum = 0;
  for (int64_t c = 0; c < s->channels; c++) sum += (double)x[c] * (double)x[c];
  return (float)(1 / sqrt(sum / (double)s->channels + s->epsilon));
}

static ddla_status forward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *x = call->input[0].data, *w = ddla_op_has(call, 1) ? call->input[1].data : NULL;
  float *y = call->output[0].data, *saved = call->saved_bytes ? call->saved : NULL;
  for (int64_t r = 0; r < s.rows; r++, x += s.channels, y += s.channels) {
    const float factor = inverse_rms(x, &s);
    if (saved) saved[r] = factor;
    for (int64_t c = 0; c < s.channels; c++) y[c] = x[c] * factor * (w ? w[c] : 1);
  }
  return DDLA_OK;
}

/* With r = 1 / rms and g = dy w: dx = r (g - x r^2 mean(g x)). */
static void backward_row(float *dx, const float *x, const float *w, const float *dy, const sizes *s,
                         double r) {
  double sum = 0;
  for (int64_t c = 0; c < s->channels; c++) sum += (double)dy[c] * (w ? w[c] : 1) * (double)x[c];
  const double mean = r * r * sum / (double)s->channels;
  for (int64_t c = 0; c < s->channels; c++)
    dx[c] += (float)(r * ((double)dy[c] * (w ? w[c] : 1) - (double)x[c] * mean));
}

static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *x = call->input[0].data, *w = ddla_op_has(call, 1) ? call->input[1].data : NULL;
  const float *dy = call->output_grad[0].data, *saved = call->saved;
  float *dx = call->input_grad[0].data, *dw = w ? call->input_grad[1].data : NULL;
  double *sum = call->scratch;
  if (dw) memset(sum, 0, (size_t)s.channels * sizeof *sum);
  for (int64_t r = 0; r < s.rows; r++) {
    const int64_t at = r * s.channels;
    if (dx) backward_row(dx + at, x + at, w, dy + at, &s, (double)saved[r]);
    for (int64_t c = 0; dw && c < s.channels; c++)
      sum[c] += (double)dy[at + c] * (double)x[at + c] * (double)saved[r];
  }
  for (int64_t c = 0; dw && c < s.channels; c++) dw[c] += (float)sum[c];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1},     {3, 17},       {2, 5, 7}, {4, 1},
                                      {3, 33}, {2, 3, 2, 16}, {512, 768}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, index == 2 ? 1 : 2);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  const ddla_shape *x = &call->input[0].shape;
  if (index != 2) call->input[1].shape = DDLA_SHAPE(x->dim[x->rank - 1]);
  if (index != 6) ddla_attrs_set_real(&call->attrs, "epsilon", index == 3 ? 0.5 : 0.125);
  return true;
}

const ddla_op ddla_op_rms_norm = {
    .name = "rms_norm",
    .math = "y[...,c] = w[c] x[...,c] / sqrt(mean over c of x^2 + epsilon)",
    .inputs = "x [...,C], weight [C] optional",
    .attrs = "epsilon=0.00001",
    .input_min = 1,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
