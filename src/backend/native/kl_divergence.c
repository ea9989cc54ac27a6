/* Divergence of Kullback and Leibler of softmax rows on AVX-512. Exponentials, logarithms and terms
 * are in single precision, 16 classes side by side; sums over a row and over the rows in double.
 * Forward keeps log sum exp of each row, in double; it enters as its nearest float and what is left
 * of it. */
#include <inttypes.h>

#include "backend/kernel.h"
#include "backend/native/softmax_row.h"
#include "base/alloc.h"

#if DDLA_HAS_AVX512

struct ddla_kernel_state {
  int64_t rows, classes;
};

static bool accepts(const ddla_op_call *call) {
  const ddla_shape *logits = &call->input[0].shape;
  return ddla_cpu() >= DDLA_CPU_AVX512 && logits->dim[logits->rank - 1] >= 16;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  const ddla_shape *logits = &call->input[0].shape;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->rows = ddla_shape_span(logits, 0, logits->rank - 1);
  s->classes = logits->dim[logits->rank - 1];
  call->scratch_bytes = 0;
  call->saved_bytes =
      ddla_op_wants(call, 0) || ddla_op_wants(call, 1) ? (size_t)s->rows * sizeof(double) : 0;
  *out = s;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

/* The first of count targets that is below 0 or no number; count where there is none. */
DDLA_AVX512 static int64_t find_bad(const float *target, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const int n = ddla_vector_left(count, i);
    const __mmask16 bad =
        _mm512_cmp_ps_mask(ddla_load_first(target + i, n), _mm512_setzero_ps(), _CMP_NGE_UQ);
    if (bad) return i + __builtin_ctz(bad);
  }
  return count;
}

DDLA_AVX512_INLINE __m512d add_halves(__m512d sum, __m512 x) {
  sum = _mm512_add_pd(sum, _mm512_cvtps_pd(_mm512_castps512_ps256(x)));
  return _mm512_add_pd(sum, _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)));
}

/* Sum of t (log t - (z - lse)). */
DDLA_AVX512 static double row_loss(const float *z, const float *target, int64_t count, double lse) {
  const __m512 near = _mm512_set1_ps((float)lse);
  __m512d sum = _mm512_setzero_pd(), total = sum;
  for (int64_t c = 0; c < count; c += 16) {
    const int n = ddla_vector_left(count, c);
    const __m512 t = ddla_load_first(target + c, n);
    const __mmask16 some = _mm512_cmp_ps_mask(t, _mm512_setzero_ps(), _CMP_GT_OQ);
    const __m512 log_p = _mm512_sub_ps(ddla_load_first(z + c, n), near);
    sum = add_halves(sum, _mm512_maskz_mul_ps(some, t, _mm512_sub_ps(ddla_log_512(t), log_p)));
    total = add_halves(total, t);
  }
  return _mm512_reduce_add_pd(sum) + _mm512_reduce_add_pd(total) * (lse - (double)(float)lse);
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *z = call->input[0].data, *target = call->input[1].data;
  double *saved = call->saved_bytes ? call->saved : NULL;
  const int64_t bad = find_bad(target, s->rows * s->classes);
  double loss = 0;
  if (bad < s->rows * s->classes)
    return DDLA_FAIL(INVALID,
                     "the target of class %" PRId64 " of sample %" PRId64
                     " is %g; probabilities from 0 on are possible",
                     bad % s->classes, bad / s->classes, (double)target[bad]);
  for (int64_t n = 0; n < s->rows; n++, z += s->classes, target += s->classes) {
    const double lse = ddla_row_lse_512(z, s->classes);
    if (saved) saved[n] = lse;
    loss += row_loss(z, target, s->classes, lse);
  }
  *(double *)call->output[0].data = loss;
  *(double *)call->output[1].data = (double)s->rows;
  return DDLA_OK;
}

DDLA_AVX512 static double total_of(const float *target, int64_t count) {
  __m512d total = _mm512_setzero_pd();
  for (int64_t c = 0; c < count; c += 16)
    total = add_halves(total, ddla_load_first(target + c, ddla_vector_left(count, c)));
  return _mm512_reduce_add_pd(total);
}

/* One row of both gradients; either may be null. */
typedef struct row {
  const float *z, *target;
  float *dz, *dt;
  int64_t count;
} row;

/* dz = scale (softmax(z) sum(t) - t); dt = scale (log t + 1 - log softmax(z)), 0 where t is 0. The
 * exponential of what is left of lse is 1 - rest. */
DDLA_AVX512 static void slopes(const row *r, double lse, double scale) {
  const float low = (float)(lse - (double)(float)lse);
  const __m512 near = _mm512_set1_ps((float)lse), rest = _mm512_set1_ps(low);
  const __m512 s = _mm512_set1_ps((float)scale), one = _mm512_set1_ps(1);
  const __m512 total = _mm512_set1_ps((float)(scale * total_of(r->target, r->count)));
  for (int64_t c = 0; c < r->count; c += 16) {
    const int n = ddla_vector_left(r->count, c);
    const __m512 t = ddla_load_first(r->target + c, n);
    if (r->dz) {
      const __m512 first = ddla_row_exp_512(r->z + c, n, near);
      const __m512 p = _mm512_fnmadd_ps(first, rest, first);
      ddla_store_first(r->dz + c, n, _mm512_fmsub_ps(total, p, _mm512_mul_ps(s, t)));
    }
    if (!r->dt) continue;
    const __mmask16 some = _mm512_cmp_ps_mask(t, _mm512_setzero_ps(), _CMP_GT_OQ);
    const __m512 log_p = _mm512_sub_ps(_mm512_sub_ps(ddla_load_first(r->z + c, n), near), rest);
    const __m512 slope = _mm512_sub_ps(_mm512_add_ps(ddla_log_512(t), one), log_p);
    ddla_store_first(r->dt + c, n, _mm512_maskz_mul_ps(some, s, slope));
  }
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const double *lse = call->saved, scale = *(const double *)call->output_grad[0].data;
  float *dz = call->input_grad[0].data, *dt = call->input_grad[1].data;
  for (int64_t n = 0; n < s->rows; n++) {
    const int64_t at = n * s->classes;
    const row r = {.z = (const float *)call->input[0].data + at,
                   .target = (const float *)call->input[1].data + at,
                   .dz = dz ? dz + at : NULL,
                   .dt = dt ? dt + at : NULL,
                   .count = s->classes};
    slopes(&r, lse[n], scale);
  }
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_kl_divergence = {.name = "native_kl_divergence",
                                                      .op = "kl_divergence",
                                                      .accepts = accepts,
#if DDLA_HAS_AVX512
                                                      .prepare = prepare,
                                                      .forward = forward,
                                                      .backward = backward,
                                                      .destroy = destroy
#endif
};
