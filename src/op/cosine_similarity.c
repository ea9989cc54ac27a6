/* Cosine of the angle between two vectors, along the last dimension. A length below epsilon counts
 * as epsilon, as in PyTorch, and is a constant for the gradient. */
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_equal(call, 0, 1));
  DDLA_TRY(ddla_op_check_epsilon(call));
  const ddla_shape *a = &call->input[0].shape;
  ddla_shape y = ddla_shape_make(a->rank - 1, a->dim);
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->backward_reads_input[0] = call->backward_reads_input[1] = true;
  return DDLA_OK;
}

/* Products of one pair of vectors. */
typedef struct products {
  double dot, length[2]; /* lengths of at least epsilon */
  bool is_short[2];      /* replaced by epsilon */
} products;

static products products_of(const float *a, const float *b, int64_t count, double epsilon) {
  double aa = 0, bb = 0, ab = 0;
  for (int64_t c = 0; c < count; c++) {
    aa += (double)a[c] * (double)a[c];
    bb += (double)b[c] * (double)b[c];
    ab += (double)a[c] * (double)b[c];
  }
  products p = {.dot = ab, .length = {sqrt(aa), sqrt(bb)}};
  for (int i = 0; i < 2; i++) {
    p.is_short[i] = p.length[i] < epsilon;
    if (p.is_short[i]) p.length[i] = epsilon;
  }
  return p;
}

static double epsilon_of(const ddla_op_call *call) {
  return ddla_attrs_real(&call->attrs, "epsilon", 1e-8);
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t width = x->dim[x->rank - 1], rows = ddla_shape_count(x) / width;
  float *y = call->output[0].data;
  for (int64_t r = 0; r < rows; r++) {
    const products p =
        products_of((const float *)call->input[0].data + r * width,
                    (const float *)call->input[1].data + r * width, width, epsilon_of(call));
    y[r] = (float)(p.dot / (p.length[0] * p.length[1]));
  }
  return DDLA_OK;
}

/* da = dy (b / (|a| |b|) - a cos / |a|^2), and the same with a and b exchanged. */
static ddla_status backward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t width = x->dim[x->rank - 1], rows = ddla_shape_count(x) / width;
  const float *dy = call->output_grad[0].data;
  for (int64_t r = 0; r < rows; r++) {
    const float *v[2] = {(const float *)call->input[0].data + r * width,
                         (const float *)call->input[1].data + r * width};
    const products p = products_of(v[0], v[1], width, epsilon_of(call));
    const double both = p.length[0] * p.length[1];
    for (int i = 0; i < 2; i++) {
      float *grad = call->input_grad[i].data;
      const double along = p.is_short[i] ? 0 : p.dot / both / (p.length[i] * p.length[i]);
      for (int64_t c = 0; grad && c < width; c++)
        grad[r * width + c] +=
            (float)((double)dy[r] * ((double)v[1 - i][c] / both - (double)v[i][c] * along));
    }
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{3}, {5, 7}, {2, 3, 17}, {2, 3, 2, 5}, {512, 256}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  for (int i = 0; i < 2; i++) ddla_op_sample_input(call, i, DDLA_F32, shapes[index]);
  if (index == 1) ddla_attrs_set_real(&call->attrs, "epsilon", 0.25);
  return true;
}

const ddla_op ddla_op_cosine_similarity = {
    .name = "cosine_similarity",
    .math = "y[...] = sum_c a[...,c] b[...,c] / (max(|a|, epsilon) max(|b|, epsilon))",
    .inputs = "a [...,C], b [...,C]",
    .attrs = "epsilon=0.00000001",
    .input_min = 2,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample};
