/* Dropout (Srivastava et al. 2014): in training, element e of sample n is kept where the random
 * number is at least p, and scaled by 1 / (1 - p). The number is word e % 4 of Philox4x32-10 with
 * key key[n] and counter (e / 4, stream), so it depends on the sample and the layer alone, never on
 * the batch or the thread. */
#include <inttypes.h>

#include "op/check.h"
#include "op/sample.h"

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(DDLA_SANITIZED) && !defined(__clang__)
#define VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORISED
#endif

static double probability(const ddla_op_call *call) {
  return ddla_attrs_real(&call->attrs, "p", 0.5);
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_I64, 1, 1));
  const ddla_shape *x = &call->input[0].shape, *key = &call->input[1].shape;
  if (key->dim[0] != x->dim[0]) {
    char text[2][96];
    return DDLA_FAIL(INVALID, "input has %s but key has %s; one key per sample is wanted",
                     ddla_shape_text(text[0], sizeof text[0], x),
                     ddla_shape_text(text[1], sizeof text[1], key));
  }
  double p = probability(call);
  if (!(p >= 0 && p < 1)) return DDLA_FAIL(INVALID, "p is %g; it can be 0 to below 1", p);
  ddla_op_set_output(call, 0, DDLA_F32, x);
  if (call->training && p > 0)
    call->saved_bytes = (size_t)ddla_shape_count(x); /* 1 kept, 0 dropped */
  else
    call->alias = 0;
  return DDLA_OK;
}

enum { LANES = 16 }; /* Philox blocks computed at once */

/* keep[4 i + j] for the blocks i = first to first + LANES - 1: whether word j is at least `least`.
 * The rounds are those of ddla_rng_philox, written so that compilers compute the blocks side by
 * side. */
VECTORISED static void keep_blocks(uint8_t *keep, uint64_t key, uint64_t first, uint64_t stream,
                                   uint32_t least) {
  uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
  for (int i = 0; i < LANES; i++) {
    c0[i] = (uint32_t)(first + (uint64_t)i);
    c1[i] = (uint32_t)((first + (uint64_t)i) >> 32);
    c2[i] = (uint32_t)stream;
    c3[i] = (uint32_t)(stream >> 32);
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9U, k1 += 0xBB67AE85U)
    for (int i = 0; i < LANES; i++) {
      uint64_t p0 = (uint64_t)c0[i] * 0xD2511F53U, p1 = (uint64_t)c2[i] * 0xCD9E8D57U;
      c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
      c1[i] = (uint32_t)p1;
      c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
      c3[i] = (uint32_t)p0;
    }
  for (int i = 0; i < LANES; i++) {
    keep[4 * i] = c0[i] >= least;
    keep[4 * i + 1] = c1[i] >= least;
    keep[4 * i + 2] = c2[i] >= least;
    keep[4 * i + 3] = c3[i] >= least;
  }
}

typedef struct sizes {
  int64_t samples, elements; /* elements of one sample */
  float scale;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  return (sizes){.samples = x->dim[0],
                 .elements = ddla_shape_span(x, 1, x->rank),
                 .scale = (float)(1 / (1 - probability(call)))};
}

static void copy(const ddla_op_call *call) {
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  int64_t count = ddla_shape_count(&call->input[0].shape);
  for (int64_t i = 0; y != x && i < count; i++) y[i] = x[i];
}

static ddla_status forward(const ddla_op_call *call) {
  if (call->alias == 0) return copy(call), DDLA_OK;
  const sizes s = sizes_of(call);
  const int64_t *keys = call->input[1].data;
  const uint64_t stream = (uint64_t)ddla_attrs_int(&call->attrs, "stream", 0, 0);
  const uint32_t least = (uint32_t)(probability(call) * 4294967296.0);
  for (int64_t n = 0; n < s.samples; n++)
    for (int64_t begin = 0; begin < s.elements; begin += 4 * LANES) {
      uint8_t keep[4 * LANES];
      keep_blocks(keep, (uint64_t)keys[n], (uint64_t)begin / 4, stream, least);
      const int64_t at = n * s.elements + begin;
      const int64_t count = s.elements - begin < 4 * LANES ? s.elements - begin : 4 * LANES;
      const float *x = (const float *)call->input[0].data + at;
      float *y = (float *)call->output[0].data + at;
      for (int64_t i = 0; i < count; i++) y[i] = keep[i] ? x[i] * s.scale : 0;
      uint8_t *saved = call->saved_bytes ? (uint8_t *)call->saved + at : NULL;
      for (int64_t i = 0; saved && i < count; i++) saved[i] = keep[i];
    }
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const uint8_t *keep = call->saved;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = s.samples * s.elements;
  if (call->alias == 0 && dx == dy) return DDLA_OK;
  for (int64_t i = 0; i < count; i++)
    dx[i] += call->alias == 0 ? dy[i] : keep[i] ? dy[i] * s.scale : 0;
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1, 1}, {3, 17}, {2, 5, 7, 3}, {4, 130}, {5}, {16, 9216}};
  static const double p[] = {0.5, 0.25, 0.9, 0, 0.5, 0.25};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  call->input[1] = (ddla_tensor){.dtype = DDLA_I64, .shape = DDLA_SHAPE(shapes[index][0])};
  ddla_attrs_set_real(&call->attrs, "p", p[index]);
  ddla_attrs_set_int(&call->attrs, "stream", index);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  if (input == 0) ddla_op_fill_normal(&call->input[0], rng, 1);
  if (input == 1) ddla_op_fill_below(&call->input[1], rng, UINT64_C(1) << 62);
}

const ddla_op ddla_op_dropout = {.name = "dropout",
                                 .math = "y = keep ? x / (1 - p) : 0 in training, else y = x",
                                 .inputs = "x [N,...], key i64 [N]",
                                 .attrs = "p=0.5 stream=0",
                                 .input_min = 2,
                                 .input_max = 2,
                                 .infer = infer,
                                 .forward = forward,
                                 .backward = backward,
                                 .sample = sample,
                                 .fill = fill};
