/* The part [begin, end) along one axis. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "op/check.h"
#include "op/sample.h"

typedef struct part {
  int axis;
  int64_t begin, end;
} part;

static ddla_status read_part(part *out, const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  part p = {.begin = ddla_attrs_int(&call->attrs, "begin", 0, 0),
            .end = ddla_attrs_int(&call->attrs, "end", 0, 0)};
  DDLA_TRY(ddla_op_axis(&p.axis, call, x->rank));
  if (p.begin < 0 || p.begin >= p.end || p.end > x->dim[p.axis]) {
    char text[96];
    return DDLA_FAIL(INVALID, "input has %s, so axis %d has no part from %" PRId64 " to %" PRId64,
                     ddla_shape_text(text, sizeof text, x), p.axis, p.begin, p.end);
  }
  *out = p;
  return DDLA_OK;
}

static ddla_status infer(ddla_op_call *call) {
  part p = {0};
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(read_part(&p, call));
  ddla_shape y = call->input[0].shape;
  y.dim[p.axis] = p.end - p.begin;
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  return DDLA_OK;
}

/* Rows of contiguous elements: y's row r is x's from x_run * r + first on. */
typedef struct runs {
  int64_t rows, x_run, y_run, first;
} runs;

static runs runs_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  part p = {0};
  DDLA_ASSERT(read_part(&p, call) == DDLA_OK);
  int64_t inner = ddla_shape_span(x, p.axis + 1, x->rank);
  return (runs){.rows = ddla_shape_span(x, 0, p.axis),
                .x_run = x->dim[p.axis] * inner,
                .y_run = (p.end - p.begin) * inner,
                .first = p.begin * inner};
}

static ddla_status forward(const ddla_op_call *call) {
  const runs s = runs_of(call);
  const float *x = (const float *)call->input[0].data + s.first;
  float *y = call->output[0].data;
  for (int64_t r = 0; r < s.rows; r++)
    memcpy(y + r * s.y_run, x + r * s.x_run, (size_t)s.y_run * sizeof *y);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const runs s = runs_of(call);
  const float *dy = call->output_grad[0].data;
  float *dx = (float *)call->input_grad[0].data + s.first;
  for (int64_t r = 0; r < s.rows; r++)
    for (int64_t k = 0; k < s.y_run; k++) dx[r * s.x_run + k] += dy[r * s.y_run + k];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t x[4], axis, begin, end;
  } rows[] = {{{1}, 0, 0, 1},           {{3, 17}, 1, 5, 12},     {{5, 3}, 0, 2, 5},
              {{2, 3, 7, 5}, -2, 0, 3}, {{2, 5, 3, 4}, 1, 4, 5}, {{16, 28, 28, 64}, 3, 32, 64}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].x);
  ddla_attrs_set_int(&call->attrs, "axis", rows[index].axis);
  ddla_attrs_set_int(&call->attrs, "begin", rows[index].begin);
  ddla_attrs_set_int(&call->attrs, "end", rows[index].end);
  return true;
}

const ddla_op ddla_op_slice = {.name = "slice",
                               .math = "y = x[..., begin:end, ...] along the axis",
                               .inputs = "x [...]",
                               .attrs = "axis= begin= end=",
                               .input_min = 1,
                               .input_max = 1,
                               .infer = infer,
                               .forward = forward,
                               .backward = backward,
                               .sample = sample};
