#include "backend/native/pairs.h"

#include <string.h>

#include "backend/vector.h"
#include "op/broadcast.h"

/* Elements of the output are taken in runs of `length`, over which both inputs go on too; `outer`
 * dimensions are walked over. */
typedef struct runs {
  ddla_broadcast pairs;
  int64_t length;
  int outer;
} runs;

static runs runs_of(const ddla_op_call *call) {
  runs r = {.pairs = ddla_broadcast_of(call), .length = 1};
  for (r.outer = r.pairs.shape.rank; r.outer > 0; r.outer--) {
    const int d = r.outer - 1;
    const bool goes_on = r.pairs.step[0][d] == r.length && r.pairs.step[1][d] == r.length;
    if (!goes_on && r.pairs.shape.dim[d] > 1) break;
    r.length *= r.pairs.shape.dim[d];
  }
  return r;
}

static bool is_repeated(const ddla_op_call *call, int input) {
  return ddla_shape_count(&call->input[input].shape) < ddla_shape_count(&call->output[0].shape);
}

bool ddla_pairs_accepts(const ddla_op_call *call) {
  enum { LENGTH_LEAST = 8 }; /* shorter runs cost more to find than to compute */
  const runs r = runs_of(call);
  return r.outer == 0 || r.length >= LENGTH_LEAST;
}

ddla_status ddla_pairs_prepare(ddla_kernel_state **out, ddla_op_call *call) {
  const bool sums = (ddla_op_wants(call, 0) && is_repeated(call, 0)) ||
                    (ddla_op_wants(call, 1) && is_repeated(call, 1));
  call->saved_bytes = 0;
  call->scratch_bytes = sums ? (size_t)runs_of(call).length * sizeof(float) : 0;
  *out = NULL;
  return DDLA_OK;
}

/* Where the inputs' runs begin, and how far the walk has come in each outer dimension. */
typedef struct walk {
  int64_t at[DDLA_RANK_MAX], place[2];
} walk;

static void step(walk *w, const runs *r) {
  for (int d = r->outer - 1; d >= 0; d--) {
    for (int i = 0; i < 2; i++) w->place[i] += r->pairs.step[i][d];
    if (++w->at[d] < r->pairs.shape.dim[d]) return;
    for (int i = 0; i < 2; i++) w->place[i] -= r->pairs.step[i][d] * w->at[d];
    w->at[d] = 0;
  }
}

void ddla_pairs_forward(const ddla_op_call *call, ddla_pairs_value value) {
  const runs r = runs_of(call);
  const float *a = call->input[0].data, *b = call->input[1].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&r.pairs.shape);
  walk w = {.at = {0}};
  for (int64_t i = 0; i < count; i += r.length, step(&w, &r))
    value(y + i, a + w.place[0], b + w.place[1], r.length);
}

void ddla_pairs_backward(const ddla_op_call *call, int input, ddla_pairs_slope slope) {
  const runs r = runs_of(call);
  const float *a = call->input[0].data, *b = call->input[1].data, *dy = call->output_grad[0].data;
  float *grad = call->input_grad[input].data;
  float *part = is_repeated(call, input) ? call->scratch : NULL;
  const int64_t count = ddla_shape_count(&r.pairs.shape);
  walk w = {.at = {0}};
  if (!grad) return;
  if (part) memset(grad, 0, (size_t)ddla_shape_count(&call->input[input].shape) * sizeof *grad);
  for (int64_t i = 0; i < count; i += r.length, step(&w, &r)) {
    float *to = grad + w.place[input];
    slope(part ? part : to, dy + i, a + w.place[0], b + w.place[1], r.length);
    if (part) ddla_vector_add(to, part, r.length);
  }
}
