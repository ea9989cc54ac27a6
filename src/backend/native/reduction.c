#include "backend/native/reduction.h"

#include "backend/vector.h"
#include "base/alloc.h"
#include "op/reduce.h"

bool ddla_reduction_form_of(ddla_reduction_form *out, const ddla_op_call *call) {
  const ddla_reduction walk = ddla_reduction_of(call);
  ddla_reduction_form made = {1, 1, 1};
  for (int d = 0; d < walk.shape.rank; d++) {
    const int64_t size = walk.shape.dim[d];
    if (size == 1) continue;
    if (walk.step[d] == 0 && made.inner > 1) return false; /* another axis behind others */
    if (walk.step[d] == 0) made.each *= size;
    else if (made.each > 1) made.inner *= size;
    else made.outer *= size;
  }
  *out = made;
  return true;
}

bool ddla_reduction_accepts(const ddla_op_call *call) {
  ddla_reduction_form form;
  return DDLA_HAS_AVX512 && ddla_cpu() >= DDLA_CPU_AVX512 && ddla_reduction_form_of(&form, call);
}

ddla_status ddla_reduction_prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  (void)ddla_reduction_form_of(&s->form, call); /* accepted */
  call->saved_bytes = call->scratch_bytes = 0;
  *out = s;
  return DDLA_OK;
}

void ddla_reduction_destroy(ddla_kernel_state *state) { ddla_free(state); }

#if DDLA_HAS_AVX512

enum { COLUMNS = 512 }; /* summed side by side */

DDLA_AVX512_INLINE __m512d low_half(__m512 x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }

DDLA_AVX512_INLINE __m512d high_half(__m512 x) {
  return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
}

/* Sum of neighbours: 32 lanes, then the lanes. */
DDLA_AVX512 static double sum_of(const float *x, int64_t count) {
  __m512d sum[4];
  int64_t i = 0;
  for (int k = 0; k < 4; k++) sum[k] = _mm512_setzero_pd();
  for (; i + 32 <= count; i += 32)
    for (int k = 0; k < 2; k++) {
      const __m512 v = _mm512_loadu_ps(x + i + 16 * k);
      sum[2 * k] = _mm512_add_pd(sum[2 * k], low_half(v));
      sum[2 * k + 1] = _mm512_add_pd(sum[2 * k + 1], high_half(v));
    }
  for (; i < count; i += 16) {
    const __m512 v = ddla_load_first(x + i, ddla_vector_left(count, i));
    sum[0] = _mm512_add_pd(sum[0], low_half(v));
    sum[1] = _mm512_add_pd(sum[1], high_half(v));
  }
  return _mm512_reduce_add_pd(
      _mm512_add_pd(_mm512_add_pd(sum[0], sum[1]), _mm512_add_pd(sum[2], sum[3])));
}

/* sum[c] += the sum of `rows` of at most four rows at c. */
DDLA_AVX512_INLINE void add_rows(double *sum, const float *x, int64_t stride, int64_t columns,
                                 int rows) {
  for (int64_t c = 0; c < columns; c += 16) {
    const int n = ddla_vector_left(columns, c);
    __m512d low = _mm512_loadu_pd(sum + c), high = _mm512_loadu_pd(sum + c + 8);
    for (int r = 0; r < rows; r++) {
      const __m512 v = ddla_load_first(x + r * stride + c, n);
      low = _mm512_add_pd(low, low_half(v));
      high = _mm512_add_pd(high, high_half(v));
    }
    _mm512_storeu_pd(sum + c, low);
    _mm512_storeu_pd(sum + c + 8, high);
  }
}

/* y[c] = sum of column c / divisor, of at most COLUMNS columns. */
DDLA_AVX512 static void sum_columns(float *y, const float *x, const ddla_reduction_form *form,
                                    int64_t columns, double divisor) {
  double sum[COLUMNS];
  int64_t r = 0;
  for (int64_t c = 0; c < (columns + 15) / 16 * 16; c++) sum[c] = 0;
  for (; r + 4 <= form->each; r += 4) add_rows(sum, x + r * form->inner, form->inner, columns, 4);
  for (; r < form->each; r++) add_rows(sum, x + r * form->inner, form->inner, columns, 1);
  for (int64_t c = 0; c < columns; c++) y[c] = (float)(sum[c] / divisor);
}

void ddla_reduction_forward(const ddla_kernel_state *state, const ddla_op_call *call,
                            double divisor) {
  const ddla_reduction_form *form = &state->form;
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  for (int64_t o = 0; o < form->outer; o++, x += form->each * form->inner, y += form->inner) {
    if (form->inner == 1) *y = (float)(sum_of(x, form->each) / divisor);
    for (int64_t c = 0; form->inner > 1 && c < form->inner; c += COLUMNS)
      sum_columns(y + c, x + c, form, form->inner - c < COLUMNS ? form->inner - c : COLUMNS,
                  divisor);
  }
}

DDLA_AVX512 static void fill(float *to, float value, int64_t count) {
  const __m512 v = _mm512_set1_ps(value);
  for (int64_t i = 0; i < count; i += 16) ddla_store_first(to + i, ddla_vector_left(count, i), v);
}

void ddla_reduction_backward(const ddla_kernel_state *state, const ddla_op_call *call,
                             double divisor) {
  const ddla_reduction_form *form = &state->form;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const float factor = (float)(1 / divisor);
  for (int64_t o = 0; dx && o < form->outer; o++, dy += form->inner) {
    if (form->inner == 1) fill(dx, *dy * factor, form->each);
    for (int64_t r = 0; form->inner > 1 && r < form->each; r++)
      ddla_vector_scale(dx + r * form->inner, dy, factor, form->inner);
    dx += form->each * form->inner;
  }
}

#endif
