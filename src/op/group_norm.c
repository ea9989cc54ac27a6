/* Group normalisation (Wu and He 2018, arXiv:1803.08494), channels last: for each sample, mean and
 * variance over all places and the channels of one group. One group for each channel is instance
 * normalisation (Ulyanov et al. 2016, arXiv:1607.08022). The variance is that of the group itself,
 * divided by the number of its elements. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

typedef struct sizes {
  int64_t samples, places, channels, groups, width; /* width: channels of a group */
  double epsilon;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t groups = ddla_attrs_int(&call->attrs, "groups", 0, 1);
  const int64_t channels = x->dim[x->rank - 1];
  return (sizes){.samples = x->dim[0],
                 .places = ddla_shape_span(x, 1, x->rank - 1),
                 .channels = channels,
                 .groups = groups,
                 .width = groups > 0 ? channels / groups : 0,
                 .epsilon = ddla_attrs_real(&call->attrs, "epsilon", 1e-5)};
}

/* Statistics of one group, kept for backward. */
typedef struct moments {
  float mean, factor; /* factor: 1 / standard deviation */
} moments;

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 2, DDLA_RANK_MAX));
  const sizes s = sizes_of(call);
  if (s.groups < 1 || s.channels % s.groups) {
    char text[96];
    return DDLA_FAIL(
        INVALID, "input has %s; groups is %" PRId64 ", but must divide its %" PRId64 " channels",
        ddla_shape_text(text, sizeof text, &call->input[0].shape), s.groups, s.channels);
  }
  if (ddla_op_has(call, 1)) DDLA_TRY(ddla_op_check_vector(call, 1, s.channels, "weight"));
  if (ddla_op_has(call, 2)) DDLA_TRY(ddla_op_check_vector(call, 2, s.channels, "bias"));
  DDLA_TRY(ddla_op_check_epsilon(call));
  ddla_op_set_output(call, 0, DDLA_F32, &call->input[0].shape);
  call->backward_reads_input[0] = ddla_op_wants(call, 0) || ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_has(call, 1) && ddla_op_wants(call, 0);
  call->saved_bytes = (size_t)(s.samples * s.groups) * sizeof(moments);
  if (ddla_op_wants(call, 1) || ddla_op_wants(call, 2))
    call->scratch_bytes = 2 * (size_t)s.channels * sizeof(double);
  return DDLA_OK;
}

/* Of the channels of one group, which begin at x and lie s->channels apart from place to place. */
static moments moments_of(const float *x, const sizes *s) {
  const double count = (double)(s->places * s->width);
  double sum = 0, squares = 0;
  for (int64_t p = 0; p < s->places; p++)
    for (int64_t c = 0; c < s->width; c++) sum += (double)x[p * s->channels + c];
  const double mean = sum / count;
  for (int64_t p = 0; p < s->places; p++)
    for (int64_t c = 0; c < s->width; c++) {
      const double apart = (double)x[p * s->channels + c] - mean;
      squares += apart * apart;
    }
  return (moments){(float)mean, (float)(1 / sqrt(squares / count + s->epsilon))};
}

static ddla_status forward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *w = ddla_op_has(call, 1) ? call->input[1].data : NULL;
  const float *b = ddla_op_has(call, 2) ? call->input[2].data : NULL;
  moments *saved = call->saved_bytes ? call->saved : NULL;
  for (int64_t i = 0; i < s.samples * s.groups; i++) {
    const int64_t first = i % s.groups * s.width; /* channel */
    const int64_t at = i / s.groups * s.places * s.channels + first;
    const float *x = (const float *)call->input[0].data + at;
    float *y = (float *)call->output[0].data + at;
    const moments m = moments_of(x, &s);
    if (saved) saved[i] = m;
    for (int64_t p = 0; p < s.places; p++)
      for (int64_t c = 0; c < s.width; c++)
        y[p * s.channels + c] =
            (x[p * s.channels + c] - m.mean) * m.factor * (w ? w[first + c] : 1) +
            (b ? b[first + c] : 0);
  }
  return DDLA_OK;
}

/* With z = (x - mean) factor and g = dy w: dx = factor (g - mean(g) - z mean(g z)), means over the
 * group. */
static void backward_group(float *dx, const float *x, const float *dy, const float *w,
                           const sizes *s, moments m) {
  const double count = (double)(s->places * s->width);
  double sum = 0, with_z = 0;
  for (int64_t p = 0; p < s->places; p++)
    for (int64_t c = 0; c < s->width; c++) {
      const int64_t i = p * s->channels + c;
      const double g = (double)dy[i] * (w ? w[c] : 1);
      sum += g;
      with_z += g * ((double)x[i] - (double)m.mean) * (double)m.factor;
    }
  for (int64_t p = 0; p < s->places; p++)
    for (int64_t c = 0; c < s->width; c++) {
      const int64_t i = p * s->channels + c;
      const double g = (double)dy[i] * (w ? w[c] : 1);
      const double z = ((double)x[i] - (double)m.mean) * (double)m.factor;
      dx[i] += (float)((double)m.factor * (g - sum / count - z * with_z / count));
    }
}

/* Gradients of weight and bias, over all samples and places in order. */
static void backward_parameters(const ddla_op_call *call, const sizes *s) {
  const float *x = call->input[0].data, *dy = call->output_grad[0].data;
  const moments *saved = call->saved;
  float *dw = ddla_op_has(call, 1) ? call->input_grad[1].data : NULL;
  float *db = ddla_op_has(call, 2) ? call->input_grad[2].data : NULL;
  double *sum = call->scratch;
  if (!dw && !db) return;
  memset(sum, 0, 2 * (size_t)s->channels * sizeof *sum);
  for (int64_t r = 0; r < s->samples * s->places; r++)
    for (int64_t c = 0; c < s->channels; c++) {
      const moments m = saved[r / s->places * s->groups + c / s->width];
      const double g = (double)dy[r * s->channels + c];
      if (dw) sum[c] += g * ((double)x[r * s->channels + c] - (double)m.mean) * (double)m.factor;
      sum[s->channels + c] += g;
    }
  for (int64_t c = 0; dw && c < s->channels; c++) dw[c] += (float)sum[c];
  for (int64_t c = 0; db && c < s->channels; c++) db[c] += (float)sum[s->channels + c];
}

static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *w = ddla_op_has(call, 1) ? call->input[1].data : NULL;
  const moments *saved = call->saved;
  float *dx = call->input_grad[0].data;
  for (int64_t i = 0; dx && i < s.samples * s.groups; i++) {
    const int64_t first = i % s.groups * s.width;
    const int64_t at = i / s.groups * s.places * s.channels + first;
    backward_group(dx + at, (const float *)call->input[0].data + at,
                   (const float *)call->output_grad[0].data + at, w ? w + first : NULL, &s,
                   saved[i]);
  }
  backward_parameters(call, &s);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], groups;
    int inputs;
  } rows[] = {{{1, 2}, 1, 3},         {{3, 6}, 2, 3},          {{2, 5, 4}, 2, 1},
              {{2, 3, 5, 6}, 3, 2},   {{2, 3, 3, 17}, 17, 3},  {{3, 2, 2, 32}, 2, 3},
              {{2, 5, 13, 33}, 3, 3}, {{8, 28, 28, 64}, 32, 3}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  ddla_op_sample_start(call, row->inputs);
  ddla_op_sample_input(call, 0, DDLA_F32, row->x);
  const ddla_shape *x = &call->input[0].shape;
  for (int i = 1; i < row->inputs; i++) call->input[i].shape = DDLA_SHAPE(x->dim[x->rank - 1]);
  ddla_attrs_set_int(&call->attrs, "groups", row->groups);
  if (index != 7) ddla_attrs_set_real(&call->attrs, "epsilon", 0.125);
  return true;
}

const ddla_op ddla_op_group_norm = {
    .name = "group_norm",
    .math = "y = w[c] (x - mean) / sqrt(variance + epsilon) + b[c], over a sample's places and the "
            "channels of a group",
    .inputs = "x [N,...,C], weight [C] optional, bias [C] optional",
    .attrs = "groups= epsilon=0.00001",
    .input_min = 1,
    .input_max = 3,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
