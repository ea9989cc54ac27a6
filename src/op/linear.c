/* Linear layer, with the relu that often follows it fused in. The reference sums in double
 * precision. */
#include <inttypes.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 2, 2));
  DDLA_TRY(ddla_op_check_activation(call));
  ddla_shape y = call->input[0].shape;
  const ddla_shape *w = &call->input[1].shape;
  if (y.dim[y.rank - 1] != w->dim[1]) {
    char text[2][96];
    return DDLA_FAIL(INVALID, "input has %s but weight %s wants %" PRId64 " features",
                     ddla_shape_text(text[0], sizeof text[0], &y),
                     ddla_shape_text(text[1], sizeof text[1], w), w->dim[1]);
  }
  if (ddla_op_has(call, 2)) DDLA_TRY(ddla_op_check_vector(call, 2, w->dim[0], "bias"));
  y.dim[y.rank - 1] = w->dim[0];
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  call->backward_reads_output[0] = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1;
  if (call->training) call->scratch_bytes = (size_t)w->dim[1] * sizeof(double);
  return DDLA_OK;
}

/* [rows, in] x [out, in] */
typedef struct sizes {
  int64_t rows, in, out;
  bool relu;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape, *w = &call->input[1].shape;
  return (sizes){.rows = ddla_shape_span(x, 0, x->rank - 1),
                 .in = w->dim[1],
                 .out = w->dim[0],
                 .relu = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1};
}

static ddla_status forward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *x = call->input[0].data, *w = call->input[1].data;
  const float *b = ddla_op_has(call, 2) ? call->input[2].data : NULL;
  float *y = call->output[0].data;
  for (int64_t n = 0; n < s.rows; n++)
    for (int64_t o = 0; o < s.out; o++) {
      double sum = b ? (double)b[o] : 0;
      for (int64_t i = 0; i < s.in; i++) sum += (double)x[n * s.in + i] * w[o * s.in + i];
      y[n * s.out + o] = s.relu && sum <= 0 ? 0 : (float)sum;
    }
  return DDLA_OK;
}

/* dy where the activation let it through. */
static double arriving(const ddla_op_call *call, bool relu, int64_t at) {
  if (relu && ((const float *)call->output[0].data)[at] <= 0) return 0;
  return (double)((const float *)call->output_grad[0].data)[at];
}

static void add(float *to, const double *from, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] += (float)from[i];
}

static void backward_input(const ddla_op_call *call, const sizes s) {
  const float *w = call->input[1].data;
  double *sum = call->scratch;
  for (int64_t n = 0; n < s.rows; n++) {
    memset(sum, 0, (size_t)s.in * sizeof *sum);
    for (int64_t o = 0; o < s.out; o++) {
      double g = arriving(call, s.relu, n * s.out + o);
      for (int64_t i = 0; i < s.in; i++) sum[i] += g * w[o * s.in + i];
    }
    add((float *)call->input_grad[0].data + n * s.in, sum, s.in);
  }
}

static void backward_weight(const ddla_op_call *call, const sizes s) {
  const float *x = call->input[0].data;
  double *sum = call->scratch;
  for (int64_t o = 0; o < s.out; o++) {
    memset(sum, 0, (size_t)s.in * sizeof *sum);
    for (int64_t n = 0; n < s.rows; n++) {
      double g = arriving(call, s.relu, n * s.out + o);
      for (int64_t i = 0; i < s.in; i++) sum[i] += g * x[n * s.in + i];
    }
    add((float *)call->input_grad[1].data + o * s.in, sum, s.in);
  }
}

static void backward_bias(const ddla_op_call *call, const sizes s) {
  float *db = call->input_grad[2].data;
  for (int64_t o = 0; o < s.out; o++) {
    double sum = 0;
    for (int64_t n = 0; n < s.rows; n++) sum += arriving(call, s.relu, n * s.out + o);
    db[o] += (float)sum;
  }
}

static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  if (call->input_grad[0].data) backward_input(call, s);
  if (call->input_grad[1].data) backward_weight(call, s);
  if (ddla_op_has(call, 2) && call->input_grad[2].data) backward_bias(call, s);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], w[4];
    int bias, activation;
  } rows[] = {
      {{1, 1}, {1, 1}, 0, 0},     {{3, 7}, {5, 7}, 1, 0},       {{4, 9}, {6, 9}, 1, 1},
      {{2, 3, 5}, {4, 5}, 1, 0},  {{5, 11}, {3, 11}, 0, 1},     {{17}, {9, 17}, 1, 0},
      {{33, 65}, {31, 65}, 1, 0}, {{16, 128}, {10, 128}, 1, 0}, {{16, 9216}, {128, 9216}, 1, 1}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  ddla_op_sample_start(call, 2 + row->bias);
  ddla_op_sample_input(call, 0, DDLA_F32, row->x);
  ddla_op_sample_input(call, 1, DDLA_F32, row->w);
  if (row->bias) ddla_op_sample_input(call, 2, DDLA_F32, row->w);
  if (row->bias) call->input[2].shape = DDLA_SHAPE(row->w[0]);
  if (row->activation) ddla_attrs_set_int(&call->attrs, "activation", 1);
  return true;
}

static double flops(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  return 2.0 * (double)s.rows * (double)s.in * (double)s.out;
}

const ddla_op ddla_op_linear = {.name = "linear",
                                .math = "y[n,o] = sum_i x[n,i] w[o,i] + b[o], then the activation",
                                .inputs = "x [...,I], w [O,I], b [O] optional",
                                .attrs = "activation=0",
                                .input_min = 2,
                                .input_max = 3,
                                .operands = 3 | DDLA_OPERAND_GRADIENT,
                                .infer = infer,
                                .forward = forward,
                                .backward = backward,
                                .sample = sample,
                                .fill = ddla_op_fill_weighted,
                                .flops = flops};
