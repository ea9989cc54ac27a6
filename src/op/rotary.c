/* Rotary positions (Su et al. 2021, arXiv:2104.09864): in each head, element d of the first half
 * and element d of the second half are the coordinates of a point, which is turned by the angle s
 * base^(-2d/D) at place s of the sequence. (The paper turns neighbours 2d and 2d + 1; halves are
 * what GPT-NeoX and LLaMA use, and differ by the order of columns only.) Only the leading columns
 * are turned, so that queries and keys that lie before values in one tensor are reached without a
 * copy of the values' own. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

typedef struct sizes {
  int64_t sequences, length, columns, turned, head;
  double base;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t columns = x->dim[x->rank - 1];
  const int64_t turned = ddla_attrs_int(&call->attrs, "columns", 0, 0);
  return (sizes){.sequences = ddla_shape_span(x, 0, x->rank - 2),
                 .length = x->dim[x->rank - 2],
                 .columns = columns,
                 .turned = turned == 0 ? columns : turned,
                 .head = ddla_attrs_int(&call->attrs, "head", 0, 0),
                 .base = ddla_attrs_real(&call->attrs, "base", 10000)};
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 2, DDLA_RANK_MAX));
  const sizes s = sizes_of(call);
  if (s.turned < 1 || s.turned > s.columns)
    return DDLA_FAIL(INVALID, "columns is %" PRId64 "; it can be 1 to %" PRId64 ", or 0 for all",
                     s.turned, s.columns);
  if (s.head < 2 || s.head % 2 != 0 || s.turned % s.head != 0)
    return DDLA_FAIL(INVALID,
                     "head is %" PRId64 "; it must be even and divide the %" PRId64
                     " columns that are turned",
                     s.head, s.turned);
  if (!(s.base >= 1 && s.base <= 1e12))
    return DDLA_FAIL(INVALID, "base is %g; it can be 1 to 1e12", s.base);
  ddla_op_set_output(call, 0, DDLA_F32, &call->input[0].shape);
  call->scratch_bytes = (size_t)s.head * sizeof(float);
  return DDLA_OK;
}

/* turn[d], turn[D/2 + d]: cosine and sine of the angle of pair d at place `at`; direction -1 turns
 * back. */
static void make_turn(float *turn, const sizes *s, int64_t at, double direction) {
  for (int64_t d = 0; d < s->head / 2; d++) {
    const double angle = (double)at * pow(s->base, -2.0 * (double)d / (double)s->head);
    turn[d] = (float)cos(angle);
    turn[s->head / 2 + d] = (float)(direction * sin(angle));
  }
}

static void turn_row(float *to, const float *from, const float *turn, const sizes *s, bool add) {
  const int64_t half = s->head / 2;
  for (int64_t h = 0; h < s->turned; h += s->head)
    for (int64_t d = 0; d < half; d++) {
      const float a = from[h + d], b = from[h + half + d];
      const float x = a * turn[d] - b * turn[half + d], y = a * turn[half + d] + b * turn[d];
      to[h + d] = add ? to[h + d] + x : x;
      to[h + half + d] = add ? to[h + half + d] + y : y;
    }
  for (int64_t c = s->turned; c < s->columns; c++) to[c] = add ? to[c] + from[c] : from[c];
}

/* Place by place, so that an angle is worked out once for all sequences. */
static void turn_all(float *to, const float *from, const ddla_op_call *call, bool back) {
  const sizes s = sizes_of(call);
  for (int64_t at = 0; at < s.length; at++) {
    make_turn(call->scratch, &s, at, back ? -1 : 1);
    for (int64_t n = 0; n < s.sequences; n++) {
      const int64_t row = (n * s.length + at) * s.columns;
      turn_row(to + row, from + row, call->scratch, &s, back);
    }
  }
}

static ddla_status forward(const ddla_op_call *call) {
  turn_all(call->output[0].data, call->input[0].data, call, false);
  return DDLA_OK;
}

/* The transpose of a rotation is the rotation back. */
static ddla_status backward(const ddla_op_call *call) {
  turn_all(call->input_grad[0].data, call->output_grad[0].data, call, true);
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], head, columns;
  } rows[] = {{{1, 2}, 2, 0},         {{3, 5, 4}, 2, 0},    {{2, 7, 24}, 8, 16},
              {{2, 3, 5, 12}, 6, 12}, {{2, 3, 66}, 22, 44}, {{8, 128, 384}, 32, 256}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].x);
  ddla_attrs_set_int(&call->attrs, "head", rows[index].head);
  if (rows[index].columns) ddla_attrs_set_int(&call->attrs, "columns", rows[index].columns);
  if (index == 3) ddla_attrs_set_real(&call->attrs, "base", 100);
  return true;
}

const ddla_op ddla_op_rotary = {
    .name = "rotary",
    .math = "(y[d], y[D/2+d]) = (x[d], x[D/2+d]) turned by s base^(-2d/D), in each head of D",
    .inputs = "x [...,S,C]",
    .attrs = "head= columns=0 base=10000.0",
    .input_min = 1,
    .input_max = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
