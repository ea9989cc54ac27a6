/* Product of matrices, or of equally many pairs of them. The reference sums in double precision. */
#include <inttypes.h>

#include "op/check.h"
#include "op/sample.h"

/* Matrices [rows, depth] x [depth, columns]; the strides of one step along each dimension take the
 * transposes in. */
typedef struct sizes {
  int64_t batch, rows, depth, columns;
  int64_t a_row, a_depth, b_depth, b_column;
} sizes;

static bool is_transposed(const ddla_op_call *call, int input) {
  return ddla_attrs_int(&call->attrs, input ? "transpose_b" : "transpose_a", 0, 0) == 1;
}

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *a = &call->input[0].shape, *b = &call->input[1].shape;
  const int64_t *last_a = a->dim + a->rank - 2, *last_b = b->dim + b->rank - 2;
  const bool ta = is_transposed(call, 0), tb = is_transposed(call, 1);
  return (sizes){.batch = ddla_shape_span(a, 0, a->rank - 2),
                 .rows = last_a[ta],
                 .depth = last_a[!ta],
                 .columns = last_b[!tb],
                 .a_row = ta ? 1 : last_a[1],
                 .a_depth = ta ? last_a[1] : 1,
                 .b_depth = tb ? 1 : last_b[1],
                 .b_column = tb ? last_b[1] : 1};
}

static ddla_status check_transposes(const ddla_op_call *call) {
  for (int i = 0; i < 2; i++) {
    const char *name = i ? "transpose_b" : "transpose_a";
    int64_t value = ddla_attrs_int(&call->attrs, name, 0, 0);
    if (value != 0 && value != 1)
      return DDLA_FAIL(INVALID, "%s is %" PRId64 "; it can be 0 or 1", name, value);
  }
  return DDLA_OK;
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 2, 3));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 2, 3));
  DDLA_TRY(check_transposes(call));
  const ddla_shape *a = &call->input[0].shape, *b = &call->input[1].shape;
  const sizes s = sizes_of(call);
  bool fits = a->rank == b->rank && b->dim[b->rank - (is_transposed(call, 1) ? 1 : 2)] == s.depth;
  if (!fits || (a->rank == 3 && a->dim[0] != b->dim[0])) {
    char text[2][96];
    return DDLA_FAIL(
        INVALID, "%s%s and %s%s cannot be multiplied", ddla_shape_text(text[0], sizeof text[0], a),
        is_transposed(call, 0) ? " transposed" : "", ddla_shape_text(text[1], sizeof text[1], b),
        is_transposed(call, 1) ? " transposed" : "");
  }
  ddla_shape y = *a;
  y.dim[y.rank - 2] = s.rows;
  y.dim[y.rank - 1] = s.columns;
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  float *y = call->output[0].data;
  for (int64_t n = 0; n < s.batch; n++) {
    const float *a = (const float *)call->input[0].data + n * s.rows * s.depth;
    const float *b = (const float *)call->input[1].data + n * s.depth * s.columns;
    for (int64_t r = 0; r < s.rows; r++)
      for (int64_t c = 0; c < s.columns; c++, y++) {
        double sum = 0;
        for (int64_t k = 0; k < s.depth; k++)
          sum += (double)a[r * s.a_row + k * s.a_depth] * b[k * s.b_depth + c * s.b_column];
        *y = (float)sum;
      }
  }
  return DDLA_OK;
}

/* da[r,k] += sum_c dy[r,c] b[k,c] */
static void backward_a(const sizes *s, float *da, const float *b, const float *dy) {
  for (int64_t r = 0; r < s->rows; r++)
    for (int64_t k = 0; k < s->depth; k++) {
      double sum = 0;
      for (int64_t c = 0; c < s->columns; c++)
        sum += (double)dy[r * s->columns + c] * b[k * s->b_depth + c * s->b_column];
      da[r * s->a_row + k * s->a_depth] += (float)sum;
    }
}

/* db[k,c] += sum_r a[r,k] dy[r,c] */
static void backward_b(const sizes *s, float *db, const float *a, const float *dy) {
  for (int64_t k = 0; k < s->depth; k++)
    for (int64_t c = 0; c < s->columns; c++) {
      double sum = 0;
      for (int64_t r = 0; r < s->rows; r++)
        sum += (double)a[r * s->a_row + k * s->a_depth] * dy[r * s->columns + c];
      db[k * s->b_depth + c * s->b_column] += (float)sum;
    }
}

static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *a = call->input[0].data, *b = call->input[1].data;
  float *da = call->input_grad[0].data, *db = call->input_grad[1].data;
  for (int64_t n = 0; n < s.batch; n++) {
    const float *dy = (const float *)call->output_grad[0].data + n * s.rows * s.columns;
    const int64_t at_a = n * s.rows * s.depth, at_b = n * s.depth * s.columns;
    if (da) backward_a(&s, da + at_a, b + at_b, dy);
    if (db) backward_b(&s, db + at_b, a + at_a, dy);
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t a[4], b[4];
    int transpose_a, transpose_b;
  } rows[] = {{{1, 1}, {1, 1}, 0, 0},        {{3, 5}, {5, 7}, 0, 0},
              {{5, 3}, {5, 7}, 1, 0},        {{3, 5}, {7, 5}, 0, 1},
              {{5, 3}, {7, 5}, 1, 1},        {{2, 3, 5}, {2, 5, 4}, 0, 0},
              {{3, 6, 2}, {3, 5, 6}, 1, 1},  {{1, 17, 33}, {1, 33, 9}, 0, 0},
              {{4, 7, 3}, {4, 5, 3}, 0, 1},  {{16, 64, 64}, {16, 64, 64}, 0, 1},
              {{128, 512}, {512, 256}, 0, 0}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, rows[index].a);
  ddla_op_sample_input(call, 1, DDLA_F32, rows[index].b);
  if (rows[index].transpose_a) ddla_attrs_set_int(&call->attrs, "transpose_a", 1);
  if (rows[index].transpose_b) ddla_attrs_set_int(&call->attrs, "transpose_b", 1);
  return true;
}

static double flops(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  return 2.0 * (double)s.batch * (double)s.rows * (double)s.depth * (double)s.columns;
}

const ddla_op ddla_op_matmul = {.name = "matmul",
                                .math = "y[m,n] = sum_k a[m,k] b[k,n]",
                                .inputs = "a [M,K] or [B,M,K], b [K,N] or [B,K,N]",
                                .attrs = "transpose_a=0 transpose_b=0",
                                .input_min = 2,
                                .input_max = 2,
                                .operands = 3 | DDLA_OPERAND_GRADIENT,
                                .infer = infer,
                                .forward = forward,
                                .backward = backward,
                                .sample = sample,
                                .flops = flops};
