#include "op/broadcast.h"

#include <string.h>

#include "base/assert.h"
#include "op/check.h"
#include "op/sample.h"

/* Dimension number d of a shape aligned at the end with a rank; 1 where there is none. */
static int64_t dim_at(const ddla_shape *shape, int rank, int d) {
  const int own = d - (rank - shape->rank);
  return own < 0 ? 1 : shape->dim[own];
}

static bool pair(ddla_broadcast *out, const ddla_shape *a, const ddla_shape *b) {
  const int rank = a->rank > b->rank ? a->rank : b->rank;
  int64_t apart[2] = {1, 1};
  out->shape = (ddla_shape){.rank = rank};
  for (int d = rank - 1; d >= 0; d--) {
    const int64_t dim[2] = {dim_at(a, rank, d), dim_at(b, rank, d)};
    if (dim[0] != dim[1] && dim[0] != 1 && dim[1] != 1) return false;
    out->shape.dim[d] = dim[0] == 1 ? dim[1] : dim[0];
    for (int i = 0; i < 2; i++) {
      out->step[i][d] = dim[i] == 1 ? 0 : apart[i];
      apart[i] *= dim[i];
    }
  }
  return true;
}

/* Whether one element of the input may serve several of the output. */
static bool is_repeated(const ddla_op_call *call, int input) {
  return ddla_shape_count(&call->input[input].shape) < ddla_shape_count(&call->output[0].shape);
}

ddla_status ddla_broadcast_infer(ddla_op_call *call) {
  ddla_broadcast made = {0};
  const ddla_shape *a = &call->input[0].shape, *b = &call->input[1].shape;
  for (int i = 0; i < 2; i++) DDLA_TRY(ddla_op_check_input(call, i, DDLA_F32, 0, DDLA_RANK_MAX));
  if (!pair(&made, a, b)) {
    char text[2][96];
    return DDLA_FAIL(INVALID,
                     "input 0 has %s and input 1 has %s; from the last dimension on, they must be "
                     "equal or one of them 1",
                     ddla_shape_text(text[0], sizeof text[0], a),
                     ddla_shape_text(text[1], sizeof text[1], b));
  }
  DDLA_TRY(ddla_op_check_shape(&made.shape, "output", 0));
  ddla_op_set_output(call, 0, DDLA_F32, &made.shape);
  for (int i = 0; i < 2; i++) {
    const size_t bytes = (size_t)ddla_shape_count(&call->input[i].shape) * sizeof(double);
    if (ddla_op_wants(call, i) && is_repeated(call, i) && bytes > call->scratch_bytes)
      call->scratch_bytes = bytes;
  }
  return DDLA_OK;
}

ddla_broadcast ddla_broadcast_of(const ddla_op_call *call) {
  ddla_broadcast made = {0};
  DDLA_ASSERT(pair(&made, &call->input[0].shape, &call->input[1].shape));
  return made;
}

/* A walk over the output in its order, and where the inputs' elements lie. */
typedef struct walk {
  ddla_broadcast pairs;
  int64_t at[DDLA_RANK_MAX], place[2];
} walk;

static void step(walk *w) {
  for (int d = w->pairs.shape.rank - 1; d >= 0; d--) {
    for (int i = 0; i < 2; i++) w->place[i] += w->pairs.step[i][d];
    if (++w->at[d] < w->pairs.shape.dim[d]) return;
    for (int i = 0; i < 2; i++) w->place[i] -= w->pairs.step[i][d] * w->at[d];
    w->at[d] = 0;
  }
}

ddla_status ddla_broadcast_forward(const ddla_op_call *call, float (*f)(float a, float b)) {
  walk w = {.pairs = ddla_broadcast_of(call)};
  const float *a = call->input[0].data, *b = call->input[1].data;
  float *y = call->output[0].data;
  const int64_t count = ddla_shape_count(&w.pairs.shape);
  for (int64_t i = 0; i < count; i++, step(&w)) y[i] = f(a[w.place[0]], b[w.place[1]]);
  return DDLA_OK;
}

void ddla_broadcast_backward(const ddla_op_call *call, int input,
                             float (*slope)(float dy, float a, float b)) {
  walk w = {.pairs = ddla_broadcast_of(call)};
  const float *a = call->input[0].data, *b = call->input[1].data, *dy = call->output_grad[0].data;
  float *grad = call->input_grad[input].data;
  double *sum = is_repeated(call, input) ? call->scratch : NULL;
  const int64_t count = ddla_shape_count(&w.pairs.shape);
  const int64_t own = ddla_shape_count(&call->input[input].shape);
  if (!grad) return;
  if (sum) memset(sum, 0, (size_t)own * sizeof *sum);
  for (int64_t i = 0; i < count; i++, step(&w)) {
    const float part = slope(dy[i], a[w.place[0]], b[w.place[1]]);
    if (sum) sum[w.place[input]] += (double)part;
    else grad[w.place[input]] += part;
  }
  for (int64_t i = 0; sum && i < own; i++) grad[i] += (float)sum[i];
}

bool ddla_broadcast_sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][2][4] = {{{1, 1}, {1, 1}},
                                         {{3, 17}, {3, 17}},
                                         {{2, 5, 7, 3}, {2, 5, 7, 3}},
                                         {{0}, {0}},
                                         {{3, 17}, {17}},
                                         {{3, 17}, {3, 1}},
                                         {{5}, {2, 3, 1}},
                                         {{2, 1, 3, 1}, {5, 1, 7}},
                                         {{2, 3, 4, 5}, {2, 1, 1, 5}},
                                         {{3}, {0}},
                                         {{16, 26, 26, 32}, {16, 1, 1, 32}},
                                         {{16, 26, 26, 32}, {16, 26, 26, 32}}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  for (int i = 0; i < 2; i++) ddla_op_sample_input(call, i, DDLA_F32, shapes[index][i]);
  return true;
}
