/* y = a b for large matrices, or batches of them, on machines with AVX-512: one product (gemm.h)
 * forward and one for each gradient, laid out so that every result is written row by row. */
#include "backend/kernel.h"
#include "backend/native/gemm.h"
#include "base/alloc.h"

#if DDLA_HAS_AVX512

struct ddla_kernel_state {
  ddla_gemm forward, backward_a, backward_b;
  int64_t batch;
};

static ddla_gemm form(const ddla_op_call *call) {
  const ddla_shape *a = &call->input[0].shape, *b = &call->input[1].shape;
  const int64_t *last_a = a->dim + a->rank - 2, *last_b = b->dim + b->rank - 2;
  const bool ta = ddla_attrs_int(&call->attrs, "transpose_a", 0, 0) == 1;
  const bool tb = ddla_attrs_int(&call->attrs, "transpose_b", 0, 0) == 1;
  return (ddla_gemm){.rows = last_a[ta],
                     .depth = last_a[!ta],
                     .columns = last_b[!tb],
                     .a_transposed = ta,
                     .b_transposed = tb};
}

/* da = dy bᵀ, or for a transposed a, daᵀ = b dyᵀ. */
static ddla_gemm form_a(const ddla_gemm *y) {
  if (!y->a_transposed) return (ddla_gemm){y->rows, y->columns, y->depth, false, !y->b_transposed};
  return (ddla_gemm){y->depth, y->columns, y->rows, y->b_transposed, true};
}

/* db = aᵀ dy, or for a transposed b, dbᵀ = dyᵀ a. */
static ddla_gemm form_b(const ddla_gemm *y) {
  if (!y->b_transposed) return (ddla_gemm){y->depth, y->rows, y->columns, !y->a_transposed, false};
  return (ddla_gemm){y->columns, y->rows, y->depth, true, y->a_transposed};
}

/* Measured: where an edge is shorter, oneDNN's product is about as fast or faster at most shapes.
 */
static bool accepts(const ddla_op_call *call) {
  enum { EDGE_MIN = 768 };
  if (ddla_cpu() < DDLA_CPU_AVX512) return false;
  const ddla_gemm y = form(call);
  return y.rows >= EDGE_MIN && y.depth >= EDGE_MIN && y.columns >= EDGE_MIN;
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  const ddla_shape *a = &call->input[0].shape;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->batch = ddla_shape_span(a, 0, a->rank - 2);
  s->forward = form(call);
  s->backward_a = form_a(&s->forward);
  s->backward_b = form_b(&s->forward);
  int64_t count = ddla_gemm_scratch_count(&s->forward);
  if (ddla_op_wants(call, 0)) count = larger(count, ddla_gemm_scratch_count(&s->backward_a));
  if (ddla_op_wants(call, 1)) count = larger(count, ddla_gemm_scratch_count(&s->backward_b));
  call->saved_bytes = 0;
  call->scratch_bytes = (size_t)count * sizeof(float);
  *out = s;
  return DDLA_OK;
}

static void multiply(const ddla_kernel_state *s, const ddla_gemm *gemm, ddla_gemm_run run) {
  for (int64_t n = 0; n < s->batch; n++) {
    ddla_gemm_multiply(gemm, &run);
    run.c += gemm->rows * gemm->columns;
    run.a += gemm->rows * gemm->depth;
    run.b += gemm->depth * gemm->columns;
  }
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  multiply(s, &s->forward,
           (ddla_gemm_run){.c = call->output[0].data,
                           .a = call->input[0].data,
                           .b = call->input[1].data,
                           .scratch = call->scratch});
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *a = call->input[0].data, *b = call->input[1].data, *dy = call->output_grad[0].data;
  ddla_gemm_run run = {.scratch = call->scratch};
  if (call->input_grad[0].data) {
    const bool turned = s->forward.a_transposed;
    run.c = call->input_grad[0].data, run.a = turned ? b : dy, run.b = turned ? dy : b;
    multiply(s, &s->backward_a, run);
  }
  if (call->input_grad[1].data) {
    const bool turned = s->forward.b_transposed;
    run.c = call->input_grad[1].data, run.a = turned ? dy : a, run.b = turned ? a : dy;
    multiply(s, &s->backward_b, run);
  }
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_matmul = {.name = "native_matmul",
                                               .op = "matmul",
                                               .accepts = accepts,
#if DDLA_HAS_AVX512
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .destroy = destroy
#endif
};
