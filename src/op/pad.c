/* A tensor with a border of a constant. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "op/check.h"
#include "op/sample.h"

/* Elements added to each dimension. */
typedef struct border {
  int64_t before[DDLA_RANK_MAX], after[DDLA_RANK_MAX];
  float value;
} border;

enum { BORDER_MAX = 1 << 20 }; /* keeps all sums far from overflow */

static ddla_status read_side(int64_t out[DDLA_RANK_MAX], const ddla_op_call *call,
                             const char *name) {
  const ddla_shape *x = &call->input[0].shape;
  const int count = ddla_attrs_count(&call->attrs, name);
  bool fits = count == x->rank;
  for (int d = 0; fits && d < x->rank; d++) {
    out[d] = ddla_attrs_int(&call->attrs, name, d, 0);
    fits = out[d] >= 0 && out[d] <= BORDER_MAX;
  }
  if (fits) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "input has %s; %s must be %d numbers from 0 to %d",
                   ddla_shape_text(text, sizeof text, x), name, x->rank, BORDER_MAX);
}

static ddla_status read_border(border *out, const ddla_op_call *call) {
  border b = {.value = (float)ddla_attrs_real(&call->attrs, "value", 0)};
  DDLA_TRY(read_side(b.before, call, "before"));
  if (ddla_attrs_count(&call->attrs, "after")) DDLA_TRY(read_side(b.after, call, "after"));
  else memcpy(b.after, b.before, sizeof b.after);
  *out = b;
  return DDLA_OK;
}

static ddla_status infer(ddla_op_call *call) {
  border b = {.value = 0};
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(read_border(&b, call));
  ddla_shape y = call->input[0].shape;
  for (int d = 0; d < y.rank; d++) y.dim[d] += b.before[d] + b.after[d];
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  return DDLA_OK;
}

/* Where row r of x, a run along the last dimension, begins in y. */
static int64_t place(const ddla_op_call *call, const border *b, int64_t r) {
  const ddla_shape *x = &call->input[0].shape, *y = &call->output[0].shape;
  const int last = x->rank - 1;
  int64_t at = b->before[last], apart = y->dim[last];
  for (int d = last - 1; d >= 0; d--) {
    at += (r % x->dim[d] + b->before[d]) * apart;
    r /= x->dim[d];
    apart *= y->dim[d];
  }
  return at;
}

static ddla_status forward(const ddla_op_call *call) {
  border b = {.value = 0};
  DDLA_ASSERT(read_border(&b, call) == DDLA_OK);
  const ddla_shape *x = &call->input[0].shape;
  const float *from = call->input[0].data;
  float *y = call->output[0].data;
  const int64_t width = x->dim[x->rank - 1], rows = ddla_shape_count(x) / width;
  const int64_t count = ddla_shape_count(&call->output[0].shape);
  for (int64_t i = 0; i < count; i++) y[i] = b.value;
  for (int64_t r = 0; r < rows; r++)
    memcpy(y + place(call, &b, r), from + r * width, (size_t)width * sizeof *y);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  border b = {.value = 0};
  DDLA_ASSERT(read_border(&b, call) == DDLA_OK);
  const ddla_shape *x = &call->input[0].shape;
  float *dx = call->input_grad[0].data;
  const int64_t width = x->dim[x->rank - 1], rows = ddla_shape_count(x) / width;
  for (int64_t r = 0; r < rows; r++) {
    const float *dy = (const float *)call->output_grad[0].data + place(call, &b, r);
    for (int64_t i = 0; i < width; i++) dx[r * width + i] += dy[i];
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], before[4], after[4];
    double value;
  } rows[] = {{{1}, {0}, {0}, 0},
              {{5}, {2}, {3}, 1.5},
              {{3, 7}, {1, 0}, {0, 2}, 0},
              {{2, 3, 5}, {0, 1, 2}, {1, 0, 1}, -2},
              {{2, 3, 4, 5}, {0, 1, 1, 0}, {0, 1, 1, 0}, 0},
              {{16, 28, 28, 64}, {0, 1, 1, 0}, {0, 1, 1, 0}, 0}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].x);
  const int rank = call->input[0].shape.rank;
  ddla_attrs_set_ints(&call->attrs, "before", rows[index].before, rank);
  if (index != 4) ddla_attrs_set_ints(&call->attrs, "after", rows[index].after, rank);
  if (rows[index].value != 0) ddla_attrs_set_real(&call->attrs, "value", rows[index].value);
  return true;
}

const ddla_op ddla_op_pad = {
    .name = "pad",
    .math = "y = x with before[d] and after[d] elements of a constant at dimension d's ends",
    .inputs = "x [...]",
    .attrs = "before= after=before value=0.0",
    .input_min = 1,
    .input_max = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
