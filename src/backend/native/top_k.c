/* The k largest of rows on AVX-512: 16 numbers at a time are compared with the smallest of the k
 * best so far, and only those that pass are put in their place, in their order. */
#include <math.h>
#include <string.h>

#include "backend/avx512.h"
#include "backend/kernel.h"
#include "backend/native/stateless.h"

#if DDLA_HAS_AVX512

/* Putting in place is a walk through the k best, and of a row in rising order all pass. */
enum { K_MAX = 64 };

static bool accepts(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  return ddla_cpu() >= DDLA_CPU_AVX512 && x->dim[x->rank - 1] >= 16 &&
         ddla_attrs_int(&call->attrs, "k", 0, 0) <= K_MAX;
}

/* The k best of a row so far, of which `held` are there. */
typedef struct best {
  float *value;
  int32_t *place;
  int64_t k, held;
} best;

/* As the op has it: NaN is larger than every number. */
static bool is_larger(float a, float b) { return a > b || (isnan(a) && !isnan(b)); }

static void offer(best *b, float value, int64_t place) {
  if (b->held == b->k && !is_larger(value, b->value[b->k - 1])) return;
  int64_t at = b->held < b->k ? b->held++ : b->k - 1;
  for (; at > 0 && is_larger(value, b->value[at - 1]); at--) {
    b->value[at] = b->value[at - 1];
    b->place[at] = b->place[at - 1];
  }
  b->value[at] = value;
  b->place[at] = (int32_t)place;
}

DDLA_AVX512 static void choose(best *b, const float *x, int64_t count) {
  int64_t i = 0;
  for (; i < b->k; i++) offer(b, x[i], i);
  for (; i < count; i += 16) {
    const int n = ddla_vector_left(count, i);
    const __m512 v = ddla_load_first(x + i, n), least = _mm512_set1_ps(b->value[b->k - 1]);
    /* not at most the least, or no number; offer looks once more */
    unsigned passes = _mm512_mask_cmp_ps_mask(ddla_mask_first(n), v, least, _CMP_NLE_UQ);
    for (; passes; passes &= passes - 1) {
      const int64_t at = i + __builtin_ctz(passes);
      offer(b, x[at], at);
    }
  }
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_shape *x = &call->input[0].shape;
  const int64_t width = x->dim[x->rank - 1], rows = ddla_shape_count(x) / width;
  const int64_t k = ddla_attrs_int(&call->attrs, "k", 0, 0);
  for (int64_t r = 0; r < rows; r++) {
    best b = {.value = (float *)call->output[0].data + r * k,
              .place = (int32_t *)call->output[1].data + r * k,
              .k = k};
    choose(&b, (const float *)call->input[0].data + r * width, width);
  }
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_shape *x = &call->input[0].shape;
  const int32_t *place = call->output[1].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t width = x->dim[x->rank - 1], k = ddla_attrs_int(&call->attrs, "k", 0, 0);
  const int64_t count = ddla_shape_count(&call->output[0].shape);
  if (!dx) return DDLA_OK;
  memset(dx, 0, (size_t)ddla_shape_count(x) * sizeof *dx);
  for (int64_t i = 0; i < count; i++) dx[i / k * width + place[i]] = dy[i];
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_top_k = {.name = "native_top_k",
                                              .op = "top_k",
                                              .accepts = accepts,
#if DDLA_HAS_AVX512
                                              .prepare = ddla_stateless_prepare,
                                              .forward = forward,
                                              .backward = backward,
                                              .destroy = ddla_stateless_destroy
#endif
};
