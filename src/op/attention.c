/* Scaled dot-product attention of several heads (Vaswani et al. 2017, arXiv:1706.03762). Queries,
 * keys and values are three tensors, or one whose columns hold all queries, then all keys, then all
 * values, as one linear layer makes them. Keys at and behind a sample's length do not count; with
 * `causal` neither do keys behind the query's own place. A query without any key gives 0.
 *
 * The matrix of scores is never held: forward keeps one row of it, and leaves log sum exp of each
 * row, from which backward makes the row anew (Dao et al. 2022, arXiv:2205.14135). */
#include "op/attention.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "op/sample.h"

#define TEXT(shape) ddla_shape_text((char[96]){0}, 96, (shape))

static bool is_packed(const ddla_op_call *call) { return !ddla_op_has(call, 1); }

static ddla_status check_keys(const ddla_op_call *call) {
  const ddla_shape *q = &call->input[0].shape, *k = &call->input[1].shape;
  if (!ddla_op_has(call, 2)) return DDLA_FAIL(INVALID, "keys are given, but no values");
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 3, 3));
  DDLA_TRY(ddla_op_check_input(call, 2, DDLA_F32, 3, 3));
  DDLA_TRY(ddla_op_check_equal(call, 1, 2));
  const bool causal = ddla_attrs_int(&call->attrs, "causal", 0, 0) == 1;
  if (k->dim[0] == q->dim[0] && k->dim[2] == q->dim[2] && (!causal || k->dim[1] == q->dim[1]))
    return DDLA_OK;
  return DDLA_FAIL(INVALID, "queries have %s but keys have %s; %s", TEXT(q), TEXT(k),
                   causal ? "with causal they must be equal" : "only the lengths may differ");
}

static ddla_status check_heads(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t heads = ddla_attrs_int(&call->attrs, "heads", 0, 0);
  const int64_t causal = ddla_attrs_int(&call->attrs, "causal", 0, 0);
  if (causal != 0 && causal != 1)
    return DDLA_FAIL(INVALID, "causal is %" PRId64 "; it can be 0 or 1", causal);
  const int64_t parts = is_packed(call) ? 3 : 1;
  if (heads >= 1 && heads <= x->dim[2] && x->dim[2] % parts == 0 && x->dim[2] / parts % heads == 0)
    return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s has %s, whose columns cannot be shared out among %" PRId64 " heads",
                   is_packed(call) ? "the tensor of queries, keys and values" : "the queries",
                   TEXT(x), heads);
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 3, 3));
  DDLA_TRY(check_heads(call));
  if (!is_packed(call)) DDLA_TRY(check_keys(call));
  else if (ddla_op_has(call, 2)) return DDLA_FAIL(INVALID, "values are given, but no keys");
  ddla_shape y = call->input[0].shape;
  if (is_packed(call)) y.dim[2] /= 3;
  if (ddla_op_has(call, 3)) {
    DDLA_TRY(ddla_op_check_input(call, 3, DDLA_I32, 1, 1));
    if (call->input[3].shape.dim[0] != y.dim[0])
      return DDLA_FAIL(INVALID, "lengths have %s; one for each of %" PRId64 " samples is wanted",
                       TEXT(&call->input[3].shape), y.dim[0]);
  }
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  const ddla_attention a = ddla_attention_of(call);
  for (int i = 0; i < call->input_count; i++) call->backward_reads_input[i] = call->present[i];
  call->saved_bytes = (size_t)(a.samples * a.heads * a.queries) * sizeof(double);
  call->scratch_bytes = (size_t)(2 * a.keys * (a.size + 1) + 2 * a.size) * sizeof(double);
  return DDLA_OK;
}

static ddla_attention_matrix matrix_of(const ddla_tensor *tensor, int64_t first) {
  const int64_t rows = tensor->shape.dim[1], columns = tensor->shape.dim[2];
  return (ddla_attention_matrix){.data = tensor->data ? (float *)tensor->data + first : NULL,
                                 .sample = rows * columns,
                                 .row = columns};
}

ddla_attention ddla_attention_of(const ddla_op_call *call) {
  const bool packed = is_packed(call);
  const ddla_shape *y = &call->output[0].shape;
  const ddla_tensor *x = call->input, *dx = call->input_grad;
  const int64_t width = y->dim[2], next = packed ? width : 0;
  const int k = packed ? 0 : 1, v = packed ? 0 : 2;
  ddla_attention a = {.samples = y->dim[0],
                      .heads = ddla_attrs_int(&call->attrs, "heads", 0, 1),
                      .queries = y->dim[1],
                      .keys = x[k].shape.dim[1],
                      .causal = ddla_attrs_int(&call->attrs, "causal", 0, 0) == 1,
                      .lengths = ddla_op_has(call, 3) ? call->input[3].data : NULL,
                      .q = matrix_of(&x[0], 0),
                      .k = matrix_of(&x[k], next),
                      .v = matrix_of(&x[v], 2 * next),
                      .o = matrix_of(&call->output[0], 0),
                      .dq = matrix_of(&dx[0], 0),
                      .dk = matrix_of(&dx[k], next),
                      .dv = matrix_of(&dx[v], 2 * next),
                      .d_o = matrix_of(&call->output_grad[0], 0)};
  a.size = width / a.heads;
  return a;
}

ddla_status ddla_attention_check(const ddla_attention *a) {
  for (int64_t n = 0; a->lengths && n < a->samples; n++)
    if (a->lengths[n] < 0 || a->lengths[n] > a->keys)
      return DDLA_FAIL(INVALID,
                       "attention: the length of sample %" PRId64 " is %" PRId32 "; 0 to %" PRId64
                       " are possible",
                       n, a->lengths[n], a->keys);
  return DDLA_OK;
}

/* Keys that query i of sample n looks at. */
static int64_t seen(const ddla_attention *a, int64_t n, int64_t i) {
  const int64_t limit = ddla_attention_limit(a, n);
  return a->causal && i + 1 < limit ? i + 1 : limit;
}

static double dot(const float *x, const float *y, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += (double)x[i] * y[i];
  return sum;
}

/* Scores of one query; returns log sum exp of them, -inf where there are none. */
static double make_scores(double *score, const ddla_attention *a, const float *q, const float *k,
                          int64_t count) {
  const double scale = 1 / sqrt((double)a->size);
  double largest = -INFINITY, sum = 0;
  for (int64_t j = 0; j < count; j++) {
    score[j] = scale * dot(q, k + j * a->k.row, a->size);
    if (score[j] > largest) largest = score[j];
  }
  if (count == 0) return largest;
  for (int64_t j = 0; j < count; j++) sum += exp(score[j] - largest);
  return largest + log(sum);
}

static void forward_row(const ddla_op_call *call, const ddla_attention *a, int64_t n, int64_t h,
                        int64_t i) {
  double *score = call->scratch, *sum = score + a->keys;
  const int64_t count = seen(a, n, i);
  const float *q = ddla_attention_rows(a, &a->q, n, h) + i * a->q.row;
  const float *v = ddla_attention_rows(a, &a->v, n, h);
  float *o = ddla_attention_rows(a, &a->o, n, h) + i * a->o.row;
  const double lse = make_scores(score, a, q, ddla_attention_rows(a, &a->k, n, h), count);
  memset(sum, 0, (size_t)a->size * sizeof *sum);
  for (int64_t j = 0; j < count; j++) {
    const double p = exp(score[j] - lse);
    for (int64_t d = 0; d < a->size; d++) sum[d] += p * v[j * a->v.row + d];
  }
  for (int64_t d = 0; d < a->size; d++) o[d] = (float)sum[d];
  if (call->saved_bytes) ((double *)call->saved)[(n * a->heads + h) * a->queries + i] = lse;
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_attention a = ddla_attention_of(call);
  DDLA_TRY(ddla_attention_check(&a));
  for (int64_t n = 0; n < a.samples; n++)
    for (int64_t h = 0; h < a.heads; h++)
      for (int64_t i = 0; i < a.queries; i++) forward_row(call, &a, n, h, i);
  return DDLA_OK;
}

/* Gradients of one head's keys and values in double, [keys, size] each, and work for a row. */
typedef struct head_sums {
  double *dk, *dv, *dq, *p, *dp;
} head_sums;

static void backward_row(head_sums *to, const ddla_attention *a, int64_t n, int64_t h, int64_t i,
                         double lse) {
  const int64_t count = seen(a, n, i), size = a->size;
  const double scale = 1 / sqrt((double)size);
  const float *q = ddla_attention_rows(a, &a->q, n, h) + i * a->q.row;
  const float *k = ddla_attention_rows(a, &a->k, n, h), *v = ddla_attention_rows(a, &a->v, n, h);
  const float *d_o = ddla_attention_rows(a, &a->d_o, n, h) + i * a->d_o.row;
  double total = 0; /* sum_j p_j dp_j: what the softmax takes off each dp */
  for (int64_t j = 0; j < count; j++) {
    to->p[j] = exp(scale * dot(q, k + j * a->k.row, size) - lse);
    to->dp[j] = dot(d_o, v + j * a->v.row, size);
    total += to->p[j] * to->dp[j];
  }
  memset(to->dq, 0, (size_t)size * sizeof *to->dq);
  for (int64_t j = 0; j < count; j++) {
    const double ds = scale * to->p[j] * (to->dp[j] - total);
    for (int64_t d = 0; d < size; d++) {
      to->dq[d] += ds * k[j * a->k.row + d];
      to->dk[j * size + d] += ds * q[d];
      to->dv[j * size + d] += to->p[j] * d_o[d];
    }
  }
}

static void add_rows(float *to, int64_t row, const double *from, int64_t rows, int64_t columns) {
  for (int64_t r = 0; to && r < rows; r++)
    for (int64_t c = 0; c < columns; c++) to[r * row + c] += (float)from[r * columns + c];
}

static float *rows_or_null(const ddla_attention *a, const ddla_attention_matrix *m, int64_t n,
                           int64_t h) {
  return m->data ? ddla_attention_rows(a, m, n, h) : NULL;
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_attention a = ddla_attention_of(call);
  const double *lse = call->saved;
  head_sums to = {.dk = call->scratch};
  to.dv = to.dk + a.keys * a.size;
  to.dq = to.dv + a.keys * a.size;
  to.p = to.dq + a.size;
  to.dp = to.p + a.keys;
  for (int64_t n = 0; n < a.samples; n++)
    for (int64_t h = 0; h < a.heads; h++) {
      float *dq = rows_or_null(&a, &a.dq, n, h);
      memset(to.dk, 0, (size_t)(2 * a.keys * a.size) * sizeof *to.dk);
      for (int64_t i = 0; i < a.queries; i++, lse++) {
        backward_row(&to, &a, n, h, i, *lse);
        if (dq) add_rows(dq + i * a.dq.row, 0, to.dq, 1, a.size);
      }
      add_rows(rows_or_null(&a, &a.dk, n, h), a.dk.row, to.dk, a.keys, a.size);
      add_rows(rows_or_null(&a, &a.dv, n, h), a.dv.row, to.dv, a.keys, a.size);
    }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t samples, queries, heads, size, keys; /* keys 0: one tensor holds all three */
    int causal, lengths;
  } rows[] = {{1, 1, 1, 1, 0, 0, 0},   {2, 5, 2, 3, 0, 1, 0},     {2, 4, 2, 4, 7, 0, 1},
              {1, 9, 3, 16, 0, 0, 1},  {3, 6, 1, 5, 6, 1, 1},     {2, 33, 2, 16, 33, 1, 0},
              {1, 67, 1, 32, 0, 1, 1}, {1, 130, 2, 48, 71, 0, 1}, {1, 129, 1, 80, 0, 1, 0},
              {2, 128, 4, 32, 0, 1, 0}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  const int64_t width = row->heads * row->size;
  ddla_op_sample_start(call, row->lengths ? 4 : row->keys ? 3 : 1);
  call->input[0].shape = DDLA_SHAPE(row->samples, row->queries, row->keys ? width : 3 * width);
  call->present[1] = call->present[2] = row->keys > 0;
  for (int i = 1; i < 3 && row->keys; i++)
    call->input[i].shape = DDLA_SHAPE(row->samples, row->keys, width);
  if (row->lengths)
    call->input[3] = (ddla_tensor){.dtype = DDLA_I32, .shape = DDLA_SHAPE(row->samples)};
  ddla_attrs_set_int(&call->attrs, "heads", row->heads);
  if (row->causal) ddla_attrs_set_int(&call->attrs, "causal", 1);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  const int64_t keys = call->input[is_packed(call) ? 0 : 1].shape.dim[1];
  if (input == 3) ddla_op_fill_below(&call->input[3], rng, (uint64_t)keys + 1);
  else ddla_op_fill_normal(&call->input[input], rng, 1);
}

/* Two products over the keys that each query sees. */
static double flops(const ddla_op_call *call) {
  const ddla_attention a = ddla_attention_of(call);
  const double pairs = a.causal ? 0.5 * (double)a.queries * (double)(a.queries + 1)
                                : (double)a.queries * (double)a.keys;
  return 4.0 * (double)(a.samples * a.heads * a.size) * pairs;
}

const ddla_op ddla_op_attention = {
    .name = "attention",
    .math = "o = softmax(q kT / sqrt(D)) v, for each head of D columns",
    .inputs = "q [N,S,H*D], k [N,T,H*D], v [N,T,H*D], or q, k and v side by side [N,S,3*H*D] as "
              "input 0; lengths i32 [N] optional",
    .attrs = "heads= causal=0",
    .input_min = 1,
    .input_max = 4,
    .operands = 7 | DDLA_OPERAND_GRADIENT,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill,
    .flops = flops,
    .backward_cost = 2.5};
