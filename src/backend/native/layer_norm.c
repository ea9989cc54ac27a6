/* Layer normalisation on AVX-512. Sums run over 16 columns side by side and then across them, in
 * single precision: first the mean, then the variance about it. The gradients of weight and bias
 * are summed row after row. */
#include <math.h>
#include <string.h>

#include "backend/avx512.h"
#include "backend/kernel.h"

#if DDLA_HAS_AVX512

typedef struct row_moments {
  float mean, scale; /* scale: 1 / sqrt(variance + epsilon) */
} row_moments;

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return ddla_cpu() >= DDLA_CPU_AVX512;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  const int64_t columns = call->input[1].shape.dim[0];
  const int64_t rows = ddla_shape_count(&call->input[0].shape) / columns;
  const bool kept = ddla_op_wants(call, 0) || ddla_op_wants(call, 1) || ddla_op_wants(call, 2);
  call->saved_bytes = kept ? (size_t)rows * sizeof(row_moments) : 0;
  call->scratch_bytes = 0;
  call->backward_reads_input[0] = call->backward_reads_input[1] = kept;
  *out = NULL;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *state) { (void)state; }

/* Two sums at once hide the latency of the additions. */
DDLA_AVX512 static float sum_of(const float *x, int64_t columns) {
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t c = 0;
  for (; c + 32 <= columns; c += 32) {
    even = _mm512_add_ps(even, _mm512_loadu_ps(x + c));
    odd = _mm512_add_ps(odd, _mm512_loadu_ps(x + c + 16));
  }
  for (; c < columns; c += 16)
    even = _mm512_add_ps(even, ddla_load_first(x + c, ddla_vector_left(columns, c)));
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

DDLA_AVX512_INLINE __m512 off_mean(const float *x, int n, __m512 mean) {
  return _mm512_maskz_sub_ps(ddla_mask_first(n), ddla_load_first(x, n), mean);
}

DDLA_AVX512 static float squares_of(const float *x, int64_t columns, float mean) {
  const __m512 m = _mm512_set1_ps(mean);
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t c = 0;
  for (; c + 32 <= columns; c += 32) {
    const __m512 a = off_mean(x + c, 16, m), b = off_mean(x + c + 16, 16, m);
    even = _mm512_fmadd_ps(a, a, even);
    odd = _mm512_fmadd_ps(b, b, odd);
  }
  for (; c < columns; c += 16) {
    const __m512 a = off_mean(x + c, ddla_vector_left(columns, c), m);
    even = _mm512_fmadd_ps(a, a, even);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

DDLA_AVX512 static void forward_row(float *y, const float *x, const float *w, const float *b,
                                    row_moments m, int64_t columns) {
  const __m512 mean = _mm512_set1_ps(m.mean), scale = _mm512_set1_ps(m.scale);
  for (int64_t c = 0; c < columns; c += 16) {
    const int n = ddla_vector_left(columns, c);
    const __m512 normal = _mm512_mul_ps(off_mean(x + c, n, mean), scale);
    const __m512 shift = b ? ddla_load_first(b + c, n) : _mm512_setzero_ps();
    ddla_store_first(y + c, n, _mm512_fmadd_ps(normal, ddla_load_first(w + c, n), shift));
  }
}

static float inverse_root(float variance, float epsilon) {
  return (float)(1 / sqrt((double)variance + (double)epsilon));
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const int64_t columns = call->input[1].shape.dim[0];
  const int64_t rows = ddla_shape_count(&call->input[0].shape) / columns;
  const float epsilon = (float)ddla_attrs_real(&call->attrs, "epsilon", 1e-5);
  const bool has_bias = call->input_count > 2 && call->present[2];
  const float *x = call->input[0].data, *b = has_bias ? call->input[2].data : NULL;
  float *y = call->output[0].data;
  row_moments *saved = call->saved_bytes ? call->saved : NULL;
  for (int64_t r = 0; r < rows; r++, x += columns, y += columns) {
    row_moments m = {.mean = sum_of(x, columns) / (float)columns};
    m.scale = inverse_root(squares_of(x, columns, m.mean) / (float)columns, epsilon);
    if (saved) saved[r] = m;
    forward_row(y, x, call->input[1].data, b, m, columns);
  }
  return DDLA_OK;
}

/* What backward reads and writes of one row; null: not wanted. */
typedef struct gradients {
  const float *x, *dy, *w;
  float *dx, *dw, *db;
} gradients;

/* dw and db grow; sums[0] is sum of dy w, sums[1] of dy w n, n the normalised row. */
DDLA_AVX512 static void take_sums(float sums[2], const gradients *g, row_moments m,
                                  int64_t columns) {
  const __m512 mean = _mm512_set1_ps(m.mean), scale = _mm512_set1_ps(m.scale);
  __m512 sum = _mm512_setzero_ps(), product = sum;
  for (int64_t c = 0; c < columns; c += 16) {
    const int n = ddla_vector_left(columns, c);
    const __m512 normal = _mm512_mul_ps(off_mean(g->x + c, n, mean), scale);
    const __m512 dy = ddla_load_first(g->dy + c, n);
    const __m512 weighted = _mm512_mul_ps(dy, ddla_load_first(g->w + c, n));
    sum = _mm512_add_ps(sum, weighted);
    product = _mm512_fmadd_ps(weighted, normal, product);
    if (g->dw)
      ddla_store_first(g->dw + c, n, _mm512_fmadd_ps(dy, normal, ddla_load_first(g->dw + c, n)));
    if (g->db) ddla_store_first(g->db + c, n, _mm512_add_ps(dy, ddla_load_first(g->db + c, n)));
  }
  sums[0] = _mm512_reduce_add_ps(sum);
  sums[1] = _mm512_reduce_add_ps(product);
}

DDLA_AVX512 static void backward_row(const gradients *g, const float sums[2], row_moments m,
                                     int64_t columns) {
  const __m512 mean = _mm512_set1_ps(m.mean), scale = _mm512_set1_ps(m.scale);
  const __m512 first = _mm512_set1_ps(sums[0] / (float)columns);
  const __m512 second = _mm512_set1_ps(sums[1] / (float)columns);
  for (int64_t c = 0; c < columns; c += 16) {
    const int n = ddla_vector_left(columns, c);
    const __m512 normal = _mm512_mul_ps(off_mean(g->x + c, n, mean), scale);
    const __m512 weighted =
        _mm512_mul_ps(ddla_load_first(g->dy + c, n), ddla_load_first(g->w + c, n));
    const __m512 rest = _mm512_fnmadd_ps(normal, second, _mm512_sub_ps(weighted, first));
    ddla_store_first(g->dx + c, n, _mm512_mul_ps(scale, rest));
  }
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const int64_t columns = call->input[1].shape.dim[0];
  const int64_t rows = ddla_shape_count(&call->input[0].shape) / columns;
  const bool has_bias = call->input_count > 2 && call->present[2];
  gradients g = {.x = call->input[0].data,
                 .dy = call->output_grad[0].data,
                 .w = call->input[1].data,
                 .dx = call->input_grad[0].data,
                 .dw = call->input_grad[1].data,
                 .db = has_bias ? call->input_grad[2].data : NULL};
  const row_moments *m = call->saved;
  if (g.dw) memset(g.dw, 0, (size_t)columns * sizeof *g.dw);
  if (g.db) memset(g.db, 0, (size_t)columns * sizeof *g.db);
  for (int64_t r = 0; r < rows; r++, g.x += columns, g.dy += columns) {
    float sums[2];
    take_sums(sums, &g, m[r], columns);
    if (!g.dx) continue;
    backward_row(&g, sums, m[r], columns);
    g.dx += columns;
  }
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_layer_norm = {.name = "native_layer_norm",
                                                   .op = "layer_norm",
                                                   .accepts = accepts,
#if DDLA_HAS_AVX512
                                                   .prepare = prepare,
                                                   .forward = forward,
                                                   .backward = backward,
                                                   .destroy = destroy
#endif
};
