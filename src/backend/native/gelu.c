/* The exact gelu on AVX-512, y = x Phi(x). Phi comes from the complementary error function by
 * formula 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical Functions" (error of Phi below
 * 8e-8), whose exponential is also the density that the slope needs:
 *
 *   Phi(x) = 1 - tail for x >= 0, else tail;  tail = t P(t) exp(-x^2 / 2) / 2,  t = 1 / (1 + p
 * |x|), dy/dx  = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)
 *
 * So forward, where a gradient follows, works out the slope and keeps it in the place of x, and
 * backward is one product. */
#include "backend/avx512.h"
#include "backend/kernel.h"
#include "backend/native/exp2.h"
#include "backend/vector.h"

#if DDLA_HAS_AVX512

static bool accepts(const ddla_op_call *call) {
  return ddla_cpu() >= DDLA_CPU_AVX512 && ddla_attrs_int(&call->attrs, "tanh", 0, 0) == 0;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  const size_t bytes = (size_t)ddla_shape_count(&call->input[0].shape) * sizeof(float);
  call->saved_bytes = ddla_op_wants(call, 0) ? bytes : 0;
  call->scratch_bytes = 0;
  call->backward_reads_input[0] = call->backward_reads_output[0] = false;
  *out = NULL;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *state) { (void)state; }

/* y and dy/dx of 16 numbers. */
DDLA_AVX512_INLINE void gelu_16(__m512 *y, __m512 *slope, __m512 x) {
  const __m512 one = _mm512_set1_ps(1), size = _mm512_abs_ps(x);
  /* p = 0.3275911 is for x / sqrt 2; -log2(e) / 2 makes a power of 2 of exp(-x^2 / 2). */
  const __m512 below = _mm512_fmadd_ps(size, _mm512_set1_ps(0.231641888F), one);
  const __m512 t = _mm512_div_ps(one, below);
  const __m512 power = _mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.72134752F));
  const __m512 density = ddla_exp2_512(power);
  __m512 sum = _mm512_set1_ps(0.5307027145F); /* halves of the formula's a5 to a1 */
  sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(-0.7265760135F));
  sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(0.7107068705F));
  sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(-0.142248368F));
  sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(0.127414796F));
  const __m512 tail = _mm512_mul_ps(_mm512_mul_ps(sum, t), density);
  const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
  const __m512 phi = _mm512_mask_mov_ps(_mm512_sub_ps(one, tail), negative, tail);
  *y = _mm512_mul_ps(x, phi);
  *slope = _mm512_fmadd_ps(_mm512_mul_ps(x, density), _mm512_set1_ps(0.39894228F), phi);
}

DDLA_AVX512 static void run(float *y, float *slope, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const int n = ddla_vector_left(count, i);
    __m512 value, gradient;
    gelu_16(&value, &gradient, ddla_load_first(x + i, n));
    ddla_store_first(y + i, n, value);
    if (slope) ddla_store_first(slope + i, n, gradient);
  }
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  run(call->output[0].data, call->saved_bytes ? call->saved : NULL, call->input[0].data,
      ddla_shape_count(&call->input[0].shape));
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  if (call->input_grad[0].data)
    ddla_vector_product(call->input_grad[0].data, call->output_grad[0].data, call->saved,
                        ddla_shape_count(&call->input[0].shape));
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_gelu = {.name = "native_gelu",
                                             .op = "gelu",
                                             .accepts = accepts,
#if DDLA_HAS_AVX512
                                             .prepare = prepare,
                                             .forward = forward,
                                             .backward = backward,
                                             .destroy = destroy
#endif
};
