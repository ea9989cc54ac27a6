/* Dropout with 32 Philox blocks computed side by side on AVX-512: the same random words for the
 * same sample and element as the op's own loop. Which elements stay is kept in one bit each. */
#include <string.h>

#include "backend/avx512.h"
#include "backend/kernel.h"
#include "base/alloc.h"

#if DDLA_HAS_AVX512

enum {
  GROUP = 128,
  WORDS = 4
}; /* elements that 32 blocks of 4 words decide on; 32 of them a word */

struct ddla_kernel_state {
  int64_t samples, elements, groups; /* elements and groups of one sample */
  uint64_t stream;
  uint32_t least; /* words from here on keep their element */
  float scale;
  bool saves;
};

static bool accepts(const ddla_op_call *call) {
  return ddla_cpu() >= DDLA_CPU_AVX512 && call->alias < 0;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  const ddla_shape *x = &call->input[0].shape;
  const double p = ddla_attrs_real(&call->attrs, "p", 0.5);
  DDLA_TRY(DDLA_NEW(s, 1));
  s->samples = x->dim[0];
  s->elements = ddla_shape_span(x, 1, x->rank);
  s->groups = (s->elements + GROUP - 1) / GROUP;
  s->stream = (uint64_t)ddla_attrs_int(&call->attrs, "stream", 0, 0);
  s->least = (uint32_t)(p * 4294967296.0);
  s->scale = (float)(1 / (1 - p));
  s->saves = ddla_op_wants(call, 0);
  call->saved_bytes = s->saves ? (size_t)(s->samples * s->groups * WORDS) * sizeof(uint32_t) : 0;
  call->scratch_bytes = 0;
  *out = s;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

typedef struct philox {
  __m512i c0, c1, c2, c3; /* of 16 blocks */
} philox;

/* High and low halves of the products of 32-bit elements with a number. */
DDLA_AVX512_INLINE void wide_product(__m512i *high, __m512i *low, __m512i x, uint32_t factor) {
  const __m512i f = _mm512_set1_epi32((int)factor);
  const __m512i even = _mm512_mul_epu32(x, f), odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), f);
  *high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xAAAA, odd);
  *low = _mm512_mask_mov_epi32(even, 0xAAAA, _mm512_slli_epi64(odd, 32));
}

DDLA_AVX512_INLINE void philox_rounds(philox *p, uint64_t key) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9U, k1 += 0xBB67AE85U) {
    __m512i high0, low0, high1, low1;
    wide_product(&high0, &low0, p->c0, 0xD2511F53U);
    wide_product(&high1, &low1, p->c2, 0xCD9E8D57U);
    p->c0 = _mm512_xor_si512(_mm512_xor_si512(high1, p->c1), _mm512_set1_epi32((int)k0));
    p->c2 = _mm512_xor_si512(_mm512_xor_si512(high0, p->c3), _mm512_set1_epi32((int)k1));
    p->c1 = low1;
    p->c3 = low0;
  }
}

/* 16 neighbouring blocks from block `first`, a multiple of 16, on: no carry out of the low word. */
DDLA_AVX512_INLINE philox philox_start(const ddla_kernel_state *s, uint64_t first) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return (philox){.c0 = _mm512_add_epi32(_mm512_set1_epi32((int)(uint32_t)first), lane),
                  .c1 = _mm512_set1_epi32((int)(uint32_t)(first >> 32)),
                  .c2 = _mm512_set1_epi32((int)(uint32_t)s->stream),
                  .c3 = _mm512_set1_epi32((int)(uint32_t)(s->stream >> 32))};
}

DDLA_AVX512_INLINE uint32_t both(__m512i low, __m512i high, __m512i least) {
  return (uint32_t)_mm512_cmpge_epu32_mask(low, least) |
         (uint32_t)_mm512_cmpge_epu32_mask(high, least) << 16;
}

/* Bit e % 32 of word e / 32: element e of the group stays. */
DDLA_AVX512_INLINE void decide(uint32_t bits[WORDS], const ddla_kernel_state *s, uint64_t key,
                               int64_t group) {
  philox low = philox_start(s, 32 * (uint64_t)group),
         high = philox_start(s, 32 * (uint64_t)group + 16);
  philox_rounds(&low, key);
  philox_rounds(&high, key);
  const __m512i least = _mm512_set1_epi32((int)s->least);
  bits[0] = both(low.c0, high.c0, least);
  bits[1] = both(low.c1, high.c1, least);
  bits[2] = both(low.c2, high.c2, least);
  bits[3] = both(low.c3, high.c3, least);
}

/* to = scale from where bits say so, else 0; `count` elements of a group. */
DDLA_AVX512_INLINE void apply(float *to, const float *from, const uint32_t bits[WORDS],
                              __m512 scale, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const int n = ddla_vector_left(count, i);
    const __mmask16 kept = (__mmask16)(bits[i / 32] >> i % 32);
    ddla_store_first(to + i, n, _mm512_maskz_mul_ps(kept, scale, ddla_load_first(from + i, n)));
  }
}

DDLA_AVX512 static void run_forward(const ddla_kernel_state *s, const ddla_op_call *call) {
  const int64_t *keys = call->input[1].data;
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  uint32_t *saved = s->saves ? call->saved : NULL;
  for (int64_t n = 0; n < s->samples; n++)
    for (int64_t g = 0; g < s->groups; g++) {
      const int64_t at = n * s->elements + g * GROUP, left = s->elements - g * GROUP;
      uint32_t bits[WORDS];
      decide(bits, s, (uint64_t)keys[n], g);
      apply(y + at, x + at, bits, _mm512_set1_ps(s->scale), left < GROUP ? left : GROUP);
      if (saved) memcpy(saved + (n * s->groups + g) * WORDS, bits, sizeof bits);
    }
}

DDLA_AVX512 static void run_backward(const ddla_kernel_state *s, const ddla_op_call *call) {
  const uint32_t *saved = call->saved;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  for (int64_t n = 0; n < s->samples; n++)
    for (int64_t g = 0; g < s->groups; g++, saved += WORDS) {
      const int64_t at = n * s->elements + g * GROUP, left = s->elements - g * GROUP;
      apply(dx + at, dy + at, saved, _mm512_set1_ps(s->scale), left < GROUP ? left : GROUP);
    }
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  run_forward(s, call);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  if (call->input_grad[0].data) run_backward(s, call);
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_dropout = {.name = "native_dropout",
                                                .op = "dropout",
                                                .accepts = accepts,
#if DDLA_HAS_AVX512
                                                .prepare = prepare,
                                                .forward = forward,
                                                .backward = backward,
                                                .destroy = destroy
#endif
};
