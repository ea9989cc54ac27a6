/* Dropout (Srivastava et al. 2014): in training, element e of sample n is kept where its random
 * number is at least p, and scaled by 1 / (1 - p). The number is word e / 32 % 4 of the
 * Philox4x32-10 block with key key[n] and counter (32 (e / 128) + e % 32, stream): it depends on
 * the sample and the layer alone, never on the batch or the thread, and 128 neighbours come from 32
 * neighbouring blocks, which vector units compute at once. */
#include <string.h>

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
  else call->alias = 0;
  return DDLA_OK;
}

enum { LANES = 32, CHUNK = 4 * LANES };

typedef struct rule {
  uint64_t key, stream;
  uint32_t least;
  float scale;
} rule;

/* kept[LANES * j + i]: all ones where word j of Philox block first + i keeps its element, else 0.
 * The rounds are those of ddla_rng_philox, written so that compilers compute the blocks side by
 * side. */
static inline void make_mask(uint32_t kept[CHUNK], uint64_t first, const rule *r) {
  uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
  for (int i = 0; i < LANES; i++) {
    c0[i] = (uint32_t)first + (uint32_t)i; /* first is a multiple of LANES: no carry */
    c1[i] = (uint32_t)(first >> 32);
    c2[i] = (uint32_t)r->stream;
    c3[i] = (uint32_t)(r->stream >> 32);
  }
  uint32_t k0 = (uint32_t)r->key, k1 = (uint32_t)(r->key >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9U, k1 += 0xBB67AE85U)
    for (int i = 0; i < LANES; i++) {
      const uint64_t p0 = (uint64_t)c0[i] * 0xD2511F53U, p1 = (uint64_t)c2[i] * 0xCD9E8D57U;
      c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
      c1[i] = (uint32_t)p1;
      c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
      c3[i] = (uint32_t)p0;
    }
  for (int i = 0; i < LANES; i++) {
    kept[i] = c0[i] >= r->least ? ~0U : 0;
    kept[LANES + i] = c1[i] >= r->least ? ~0U : 0;
    kept[2 * LANES + i] = c2[i] >= r->least ? ~0U : 0;
    kept[3 * LANES + i] = c3[i] >= r->least ? ~0U : 0;
  }
}

/* value where kept is all ones, 0 where it is 0, without a jump. */
static inline float masked(float value, uint32_t kept) {
  uint32_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  bits &= kept;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* One sample; keep gets 1 for each element kept, else 0. */
VECTORISED static void drop(float *restrict y, uint8_t *restrict keep, const float *restrict x,
                            int64_t count, const rule *r) {
  const float scale = r->scale;
  uint32_t kept[CHUNK];
  for (int64_t begin = 0; begin < count; begin += CHUNK) {
    make_mask(kept, (uint64_t)begin / 4, r);
    const int64_t here = count - begin < CHUNK ? count - begin : CHUNK;
    for (int64_t i = 0; i < here; i++) y[begin + i] = masked(x[begin + i] * scale, kept[i]);
    for (int64_t i = 0; i < here; i++) keep[begin + i] = (uint8_t)(kept[i] & 1);
  }
}

VECTORISED static void spread(float *restrict dx, const uint8_t *restrict keep,
                              const float *restrict dy, int64_t count, float scale) {
  for (int64_t i = 0; i < count; i++) dx[i] += masked(dy[i] * scale, 0U - keep[i]);
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t elements = ddla_shape_span(x, 1, x->rank);
  if (call->alias == 0) {
    if (call->output[0].data != call->input[0].data)
      memcpy(call->output[0].data, call->input[0].data,
             (size_t)ddla_shape_count(x) * sizeof(float));
    return DDLA_OK;
  }
  for (int64_t n = 0; n < x->dim[0]; n++) {
    const rule made = {.key = (uint64_t)((const int64_t *)call->input[1].data)[n],
                       .stream = (uint64_t)ddla_attrs_int(&call->attrs, "stream", 0, 0),
                       .least = (uint32_t)(probability(call) * 4294967296.0),
                       .scale = (float)(1 / (1 - probability(call)))};
    drop((float *)call->output[0].data + n * elements, (uint8_t *)call->saved + n * elements,
         (const float *)call->input[0].data + n * elements, elements, &made);
  }
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  if (call->alias != 0) {
    spread(dx, call->saved, dy, count, (float)(1 / (1 - probability(call))));
    return DDLA_OK;
  }
  for (int64_t i = 0; dx != dy && i < count; i++) dx[i] += dy[i];
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
