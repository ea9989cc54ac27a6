/* Group normalisation, channels last: all work goes along the channels, place after place, and
 * groups are made from the channels' sums. The loops are plain C, built twice: for AVX-512 and for
 * the baseline. No multiply-add is in them, so bits are the same. */
#include <math.h>
#include <string.h>

#include "backend/avx512.h"
#include "backend/kernel.h"

/* Vectors of one number for each channel, in scratch. */
typedef struct lines {
  int64_t places, channels, groups, width;
  double *total[2];     /* sums over the places */
  float *part[2];       /* sums over some of them */
  float *mean, *factor; /* of the channel's group; factor: 1 / standard deviation */
  float *w, *b;         /* factor and bias; in backward b is the mean of dy w, */
  float *slope;         /* and this the mean of dy w z */
} lines;

enum { PART = 64, LINES_BYTES = 2 * sizeof(double) + 7 * sizeof(float) };

static lines lines_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t c = x->dim[x->rank - 1];
  double *total = call->scratch;
  float *f = (float *)(total + 2 * c);
  lines l = {.places = ddla_shape_span(x, 1, x->rank - 1),
             .channels = c,
             .groups = ddla_attrs_int(&call->attrs, "groups", 0, 1),
             .total = {total, total + c},
             .part = {f, f + c},
             .mean = f + 2 * c,
             .factor = f + 3 * c,
             .w = f + 4 * c,
             .b = f + 5 * c,
             .slope = f + 6 * c};
  l.width = c / l.groups;
  return l;
}

static bool accepts(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  return x->dim[x->rank - 1] >= 8; /* fewer channels do not fill vectors */
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  call->scratch_bytes = (size_t)x->dim[x->rank - 1] * LINES_BYTES;
  *out = NULL;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *state) { (void)state; }

#define INLINE static inline __attribute__((always_inline))

/* part[0] = sum of x - mean, part[1] of its square, over `places`. */
INLINE void sum_squares_body(const lines *l, const float *restrict x, int64_t places) {
  float *restrict sum = l->part[0], *restrict squares = l->part[1];
  const float *restrict mean = l->mean;
  for (int64_t p = 0; p < places; p++, x += l->channels)
    for (int64_t c = 0; c < l->channels; c++) {
      const float d = x[c] - mean[c];
      sum[c] += d;
      squares[c] += d * d;
    }
}

INLINE void normalise_body(const lines *l, float *restrict y, const float *restrict x) {
  const float *restrict mean = l->mean, *restrict w = l->w, *restrict b = l->b;
  for (int64_t p = 0; p < l->places; p++, x += l->channels, y += l->channels)
    for (int64_t c = 0; c < l->channels; c++) y[c] = (x[c] - mean[c]) * w[c] + b[c];
}

/* part[0] = sum of dy, part[1] of dy z, z = (x - mean) factor. */
INLINE void sum_gradients_body(const lines *l, const float *restrict x, const float *restrict dy,
                               int64_t places) {
  float *restrict sum = l->part[0], *restrict with_z = l->part[1];
  const float *restrict mean = l->mean, *restrict factor = l->factor;
  for (int64_t p = 0; p < places; p++, x += l->channels, dy += l->channels)
    for (int64_t c = 0; c < l->channels; c++) {
      sum[c] += dy[c];
      with_z[c] += dy[c] * ((x[c] - mean[c]) * factor[c]);
    }
}

/* dx = factor (dy w - b - z slope) */
INLINE void gradient_body(const lines *l, float *restrict dx, const float *restrict x,
                          const float *restrict dy) {
  const float *restrict mean = l->mean, *restrict factor = l->factor, *restrict w = l->w,
                        *restrict b = l->b, *restrict slope = l->slope;
  for (int64_t p = 0; p < l->places; p++, x += l->channels, dy += l->channels, dx += l->channels)
    for (int64_t c = 0; c < l->channels; c++) {
      const float z = (x[c] - mean[c]) * factor[c];
      dx[c] = factor[c] * (dy[c] * w[c] - b[c] - z * slope[c]);
    }
}

/* A function for both instruction sets. */
#if DDLA_HAS_AVX512
#define BOTH(name, parameters, arguments)                                                          \
  DDLA_AVX512 static void name##_512 parameters { name##_body arguments; }                         \
  static void name parameters {                                                                    \
    if (ddla_cpu() >= DDLA_CPU_AVX512) name##_512 arguments;                                       \
    else name##_body arguments;                                                                    \
  }
#else
#define BOTH(name, parameters, arguments)                                                          \
  static void name parameters { name##_body arguments; }
#endif

BOTH(sum_squares, (const lines *l, const float *x, int64_t places), (l, x, places))
BOTH(normalise, (const lines *l, float *y, const float *x), (l, y, x))
BOTH(sum_gradients, (const lines *l, const float *x, const float *dy, int64_t places),
     (l, x, dy, places))
BOTH(gradient, (const lines *l, float *dx, const float *x, const float *dy), (l, dx, x, dy))

/* Sums over all places of one sample into total, in fp32 over parts of them. dy null: of squares.
 */
static void sum_places(const lines *l, const float *x, const float *dy) {
  const size_t bytes = (size_t)l->channels * sizeof(float);
  for (int i = 0; i < 2; i++) memset(l->total[i], 0, 2 * bytes);
  for (int64_t p = 0; p < l->places; p += PART) {
    const int64_t count = l->places - p < PART ? l->places - p : PART, at = p * l->channels;
    for (int i = 0; i < 2; i++) memset(l->part[i], 0, bytes);
    if (dy) sum_gradients(l, x + at, dy + at, count);
    else sum_squares(l, x + at, count);
    for (int i = 0; i < 2; i++)
      for (int64_t c = 0; c < l->channels; c++) l->total[i][c] += (double)l->part[i][c];
  }
}

/* Mean over the group's places and channels of a total, times the weights where there are. */
static double group_mean(const lines *l, int total, const float *w, int64_t group) {
  double sum = 0;
  for (int64_t c = group * l->width; c < (group + 1) * l->width; c++)
    sum += l->total[total][c] * (w ? (double)w[c] : 1);
  return sum / (double)(l->places * l->width);
}

static void spread(float *to, const lines *l, int64_t group, float value) {
  for (int64_t c = group * l->width; c < (group + 1) * l->width; c++) to[c] = value;
}

/* Statistics of one group, kept for backward. */
typedef struct moments {
  float mean, factor;
} moments;

/* Mean and factor of each group of a sample. The squares are taken around the group's first element
 * in a first pass, around the mean in a second. */
static void find_moments(const lines *l, moments *saved, const float *x, double epsilon) {
  for (int64_t g = 0; g < l->groups; g++) spread(l->mean, l, g, x[g * l->width]);
  sum_places(l, x, NULL);
  for (int64_t g = 0; g < l->groups; g++)
    spread(l->mean, l, g, (float)((double)x[g * l->width] + group_mean(l, 0, NULL, g)));
  sum_places(l, x, NULL);
  for (int64_t g = 0; g < l->groups; g++) {
    const double off = group_mean(l, 0, NULL, g); /* what rounding of the mean left */
    const double variance = group_mean(l, 1, NULL, g) - off * off;
    const double rounded = variance < 0 ? 0 : variance; /* NaN stays */
    const float factor = (float)(1 / sqrt(rounded + epsilon));
    spread(l->factor, l, g, factor);
    if (saved) saved[g] = (moments){l->mean[g * l->width], factor};
  }
}

static const float *vector_of(const ddla_op_call *call, int input) {
  return input < call->input_count && call->present[input] ? call->input[input].data : NULL;
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const lines l = lines_of(call);
  const float *w = vector_of(call, 1), *b = vector_of(call, 2);
  const double epsilon = ddla_attrs_real(&call->attrs, "epsilon", 1e-5);
  const int64_t size = l.places * l.channels;
  moments *saved = call->saved_bytes ? call->saved : NULL;
  for (int64_t n = 0; n < call->input[0].shape.dim[0]; n++) {
    const float *x = (const float *)call->input[0].data + n * size;
    find_moments(&l, saved ? saved + n * l.groups : NULL, x, epsilon);
    for (int64_t c = 0; c < l.channels; c++) {
      l.w[c] = l.factor[c] * (w ? w[c] : 1);
      l.b[c] = b ? b[c] : 0;
    }
    normalise(&l, (float *)call->output[0].data + n * size, x);
  }
  return DDLA_OK;
}

static void add_total(float *grad, const lines *l, int total, bool first) {
  for (int64_t c = 0; grad && c < l->channels; c++)
    grad[c] = (first ? 0 : grad[c]) + (float)l->total[total][c];
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const lines l = lines_of(call);
  const float *w = vector_of(call, 1);
  const moments *saved = call->saved;
  const int64_t size = l.places * l.channels;
  float *dx = call->input_grad[0].data;
  for (int64_t c = 0; c < l.channels; c++) l.w[c] = w ? w[c] : 1;
  for (int64_t n = 0; n < call->input[0].shape.dim[0]; n++) {
    const float *x = (const float *)call->input[0].data + n * size;
    const float *dy = (const float *)call->output_grad[0].data + n * size;
    for (int64_t g = 0; g < l.groups; g++) {
      spread(l.mean, &l, g, saved[n * l.groups + g].mean);
      spread(l.factor, &l, g, saved[n * l.groups + g].factor);
    }
    sum_places(&l, x, dy);
    if (vector_of(call, 1)) add_total(call->input_grad[1].data, &l, 1, n == 0);
    if (vector_of(call, 2)) add_total(call->input_grad[2].data, &l, 0, n == 0);
    for (int64_t g = 0; dx && g < l.groups; g++) {
      spread(l.b, &l, g, (float)group_mean(&l, 0, l.w, g));
      spread(l.slope, &l, g, (float)group_mean(&l, 1, l.w, g));
    }
    if (dx) gradient(&l, dx + n * size, x, dy);
  }
  return DDLA_OK;
}

const ddla_kernel ddla_kernel_native_group_norm = {.name = "native_group_norm",
                                                   .op = "group_norm",
                                                   .accepts = accepts,
                                                   .prepare = prepare,
                                                   .forward = forward,
                                                   .backward = backward,
                                                   .destroy = destroy};
