/* y = a b for matrices or batches of them, either one stored transposed: one matrix product
 * forward, one for each gradient, laid out so that every result is written row by row. */
#include "backend/onednn/gemm.h"
#include "base/alloc.h"

struct ddla_kernel_state {
  ddla_onednn_step forward, backward_a, backward_b;
  bool transpose_a, transpose_b;
};

static bool accepts(const ddla_op_call *call) {
  return call->input[0].shape.rank == call->input[1].shape.rank;
}

/* Input i as it is multiplied: rows by columns after the transpose. */
static ddla_onednn_matrix operand(const ddla_op_call *call, int i) {
  const ddla_shape *shape = &call->input[i].shape;
  const int64_t *last = shape->dim + shape->rank - 2;
  const bool transposed =
      ddla_attrs_int(&call->attrs, i ? "transpose_b" : "transpose_a", 0, 0) == 1;
  return (ddla_onednn_matrix){.batch = shape->rank == 3 ? shape->dim[0] : 0,
                              .rows = last[transposed],
                              .columns = last[!transposed],
                              .transposed = transposed};
}

static ddla_onednn_matrix transpose(ddla_onednn_matrix m) {
  return (ddla_onednn_matrix){m.batch, m.columns, m.rows, !m.transposed};
}

/* da = dy bᵀ, or for a transposed a, daᵀ = b dyᵀ; db = aᵀ dy, or dbᵀ = dyᵀ a. */
static ddla_status open_backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_onednn_matrix a = operand(call, 0), b = operand(call, 1);
  const ddla_onednn_matrix dy = {.batch = a.batch, .rows = a.rows, .columns = b.columns};
  const ddla_onednn_matrix dy_t = transpose(dy), a_t = transpose(a), b_t = transpose(b);
  if (ddla_op_wants(call, 0))
    DDLA_TRY(ddla_onednn_gemm_open(&s->backward_a, a.transposed ? &b : &dy,
                                   a.transposed ? &dy_t : &b_t));
  if (ddla_op_wants(call, 1))
    DDLA_TRY(ddla_onednn_gemm_open(&s->backward_b, b.transposed ? &dy_t : &a_t,
                                   b.transposed ? &a : &dy));
  return DDLA_OK;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void destroy(ddla_kernel_state *s) {
  if (!s) return;
  ddla_onednn_step_close(&s->forward);
  ddla_onednn_step_close(&s->backward_a);
  ddla_onednn_step_close(&s->backward_b);
  ddla_free(s);
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_status status = DDLA_OK;
  ddla_kernel_state *s = NULL;
  const ddla_onednn_matrix a = operand(call, 0), b = operand(call, 1);
  DDLA_TRY(DDLA_NEW(s, 1));
  s->transpose_a = a.transposed, s->transpose_b = b.transposed;
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_open(&s->forward, &a, &b));
  DDLA_TRY_CLEAN(status, open_backward(s, call));
  call->saved_bytes = 0;
  call->scratch_bytes = larger(s->forward.scratchpad_bytes, larger(s->backward_a.scratchpad_bytes,
                                                                   s->backward_b.scratchpad_bytes));
  *out = s;
cleanup:
  if (status != DDLA_OK) destroy(s);
  return status;
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  return ddla_onednn_gemm_run(&s->forward, call->output[0].data, call->input[0].data,
                              call->input[1].data, call->scratch);
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *a = call->input[0].data, *b = call->input[1].data, *dy = call->output_grad[0].data;
  if (call->input_grad[0].data)
    DDLA_TRY(ddla_onednn_gemm_run(&s->backward_a, call->input_grad[0].data, s->transpose_a ? b : dy,
                                  s->transpose_a ? dy : b, call->scratch));
  if (call->input_grad[1].data)
    DDLA_TRY(ddla_onednn_gemm_run(&s->backward_b, call->input_grad[1].data, s->transpose_b ? dy : a,
                                  s->transpose_b ? a : dy, call->scratch));
  return DDLA_OK;
}

const ddla_kernel ddla_kernel_onednn_matmul = {.name = "onednn_matmul",
                                               .op = "matmul",
                                               .accepts = accepts,
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .destroy = destroy};
