/* Root mean square normalisation on AVX-512: a row is read twice from the cache, once for its sums
 * and once for its result. Sums run in 16 lanes, 4 vectors of them at a time, and are joined in the
 * end: the order is one of the number of channels alone. */
#include <math.h>
#include <string.h>

#include "backend/avx512.h"
#include "backend/kernel.h"

#if DDLA_HAS_AVX512

static bool accepts(const ddla_op_call *call) {
  return ddla_cpu() >= DDLA_CPU_AVX512 && call->input[0].dtype == DDLA_F32;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  call->scratch_bytes = 0; /* saved and what backward reads: as the op says */
  *out = NULL;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *state) { (void)state; }

/* One row, and the factors of its channels (null: 1). */
typedef struct row {
  const float *x, *w, *dy;
  float *dx, *dw;
  int64_t count;
} row;

/* n elements of w at c. */
DDLA_AVX512_INLINE __m512 weight(const float *w, int64_t c, int n) {
  return w ? ddla_load_first(w + c, n) : _mm512_set1_ps(1);
}

DDLA_AVX512_INLINE float total(const __m512 sum[4]) {
  return _mm512_reduce_add_ps(
      _mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
}

DDLA_AVX512 static float squares(const float *x, int64_t count) {
  __m512 sum[4];
  int64_t c = 0;
  for (int k = 0; k < 4; k++) sum[k] = _mm512_setzero_ps();
  for (; c + 64 <= count; c += 64)
    for (int k = 0; k < 4; k++) {
      const __m512 v = _mm512_loadu_ps(x + c + 16 * k);
      sum[k] = _mm512_fmadd_ps(v, v, sum[k]);
    }
  for (; c < count; c += 16) {
    const __m512 v = ddla_load_first(x + c, ddla_vector_left(count, c));
    sum[0] = _mm512_fmadd_ps(v, v, sum[0]);
  }
  return total(sum);
}

DDLA_AVX512 static void scale(float *y, const float *x, const float *w, float factor,
                              int64_t count) {
  const __m512 f = _mm512_set1_ps(factor);
  for (int64_t c = 0; c < count; c += 16) {
    const int n = ddla_vector_left(count, c);
    const __m512 v = _mm512_mul_ps(ddla_load_first(x + c, n), f);
    ddla_store_first(y + c, n, _mm512_mul_ps(v, weight(w, c, n)));
  }
}

/* Sum of dy w x; dw += dy x factor. */
DDLA_AVX512 static float products(const row *r, float factor) {
  const __m512 f = _mm512_set1_ps(factor);
  __m512 sum[4];
  for (int k = 0; k < 4; k++) sum[k] = _mm512_setzero_ps();
  for (int64_t c = 0; c < r->count; c += 16) {
    const int n = ddla_vector_left(r->count, c), k = (int)(c / 16 % 4);
    const __m512 p = _mm512_mul_ps(ddla_load_first(r->dy + c, n), ddla_load_first(r->x + c, n));
    sum[k] = _mm512_fmadd_ps(p, weight(r->w, c, n), sum[k]);
    if (r->dw) ddla_store_first(r->dw + c, n, _mm512_fmadd_ps(p, f, ddla_load_first(r->dw + c, n)));
  }
  return total(sum);
}

/* dx = factor (dy w - x mean) */
DDLA_AVX512 static void gradient(const row *r, float factor, float mean) {
  const __m512 f = _mm512_set1_ps(factor), m = _mm512_set1_ps(mean);
  for (int64_t c = 0; c < r->count; c += 16) {
    const int n = ddla_vector_left(r->count, c);
    const __m512 g = _mm512_mul_ps(ddla_load_first(r->dy + c, n), weight(r->w, c, n));
    ddla_store_first(r->dx + c, n,
                     _mm512_mul_ps(f, _mm512_fnmadd_ps(ddla_load_first(r->x + c, n), m, g)));
  }
}

static const float *weights_of(const ddla_op_call *call) {
  return call->input_count > 1 && call->present[1] ? call->input[1].data : NULL;
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t count = shape->dim[shape->rank - 1], elements = ddla_shape_count(shape);
  const double epsilon = ddla_attrs_real(&call->attrs, "epsilon", 1e-5);
  const float *x = call->input[0].data;
  float *saved = call->saved_bytes ? call->saved : NULL;
  for (int64_t at = 0; at < elements; at += count) {
    const float factor =
        (float)(1 / sqrt((double)squares(x + at, count) / (double)count + epsilon));
    if (saved) saved[at / count] = factor;
    scale((float *)call->output[0].data + at, x + at, weights_of(call), factor, count);
  }
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t count = shape->dim[shape->rank - 1], elements = ddla_shape_count(shape);
  const float *saved = call->saved;
  float *dx = call->input_grad[0].data;
  row r = {.w = weights_of(call), .count = count};
  if (r.w) r.dw = call->input_grad[1].data;
  if (r.dw) memset(r.dw, 0, (size_t)count * sizeof *r.dw);
  for (int64_t at = 0; at < elements; at += count) {
    const float factor = saved[at / count];
    r.x = (const float *)call->input[0].data + at;
    r.dy = (const float *)call->output_grad[0].data + at;
    r.dx = dx ? dx + at : NULL;
    const float mean = products(&r, factor) * factor * factor / (float)count;
    if (r.dx) gradient(&r, factor, mean);
  }
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_rms_norm = {.name = "native_rms_norm",
                                                 .op = "rms_norm",
                                                 .accepts = accepts,
#if DDLA_HAS_AVX512
                                                 .prepare = prepare,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .destroy = destroy
#endif
};
