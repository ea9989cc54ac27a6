#include "backend/gates.h"

#include <string.h>

#include "backend/avx512.h"

/* Loops that compilers turn into vectors, once for each instruction set. There is no multiply-add
 * in them. */
#define BODY static inline __attribute__((always_inline))
#define COPY(name, level, attributes, type)                                                        \
  attributes static void name##_##level(const type *g) { name(g); }
#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#if DDLA_HAS_AVX512
#define COPIES(name, type) COPY(name, 512, DDLA_AVX512, type) COPY(name, 256, AVX2, type)
#define CHOOSE(name)                                                                               \
  if (ddla_cpu() >= DDLA_CPU_AVX512) {                                                             \
    name##_512(g);                                                                                 \
    return;                                                                                        \
  }                                                                                                \
  if (ddla_cpu() >= DDLA_CPU_AVX2) {                                                               \
    name##_256(g);                                                                                 \
    return;                                                                                        \
  }
#else
#define COPIES(name, type) COPY(name, 256, AVX2, type)
#define CHOOSE(name)                                                                               \
  if (ddla_cpu() >= DDLA_CPU_AVX2) {                                                               \
    name##_256(g);                                                                                 \
    return;                                                                                        \
  }
#endif
#else
#define COPIES(name, type)
#define CHOOSE(name)
#endif
#define LOOP(name, type)                                                                           \
  COPIES(name, type)                                                                               \
  void ddla_gates_##name(const type *g) {                                                          \
    CHOOSE(name)                                                                                   \
    name(g);                                                                                       \
  }

#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* e^x for x from -87 to 87, cut off there: 2^n e^r with r from -ln 2 / 2 to ln 2 / 2, and the
 * series of e^r to r^7 / 7!, whose next term is below 1e-8. Adding 1.5 * 2^23 rounds to a whole
 * number, which then stands in the low bits. */
BODY float exp_of(float x) {
  const float shift = 12582912.0F;
  x = x < -87 ? -87 : x;
  x = x > 87 ? 87 : x;
  float shifted = x * 1.44269504F + shift;
  int32_t bits = 0;
  memcpy(&bits, &shifted, sizeof bits);
  const float n = shifted - shift;
  const float r = (x - n * 0.693145752F) - n * 1.42860677e-6F; /* ln 2 in two parts */
  float sum = 1 + r * (1.0F / 7);
  sum = 1 + r * (1.0F / 6) * sum;
  sum = 1 + r * (1.0F / 5) * sum;
  sum = 1 + r * (1.0F / 4) * sum;
  sum = 1 + r * (1.0F / 3) * sum;
  sum = 1 + r * (1.0F / 2) * sum;
  sum = 1 + r * sum;
  bits = (int32_t)((uint32_t)bits << 23) + 0x3f800000; /* 2^n; the shift drops what shifted added */
  float power = 0;
  memcpy(&power, &bits, sizeof power);
  return sum * power;
}

BODY float sigmoid_of(float x) { return 1 / (1 + exp_of(-x)); }

/* 1 - 2 / (e^2x + 1), and near 0, where that loses digits, the series to x^9. */
BODY float tanh_of(float x) {
  const float s = x * x;
  const float far = 1 - 2 / (exp_of(x + x) + 1);
  float near = -17.0F / 315 + s * (62.0F / 2835);
  near = 2.0F / 15 + s * near;
  near = -1.0F / 3 + s * near;
  near = x + x * s * near;
  return s < 0.0625F ? near : far;
}

BODY void lstm(const ddla_gates *g) {
  const int64_t h = g->units;
  const float *bias = g->bias_input;
  for (int64_t n = 0; n < g->samples; n++) {
    const float *a = g->from_input + n * 4 * h, *b = g->from_hidden + n * 4 * h;
    const float *before = g->before + n * h;
    float *kept = g->kept + n * 4 * h, *cell = g->cell + n * h, *hidden = g->hidden + n * h;
    float *y = g->y + n * g->stride;
    INDEPENDENT
    for (int64_t u = 0; u < h; u++) {
      const float i = sigmoid_of(a[u] + b[u] + bias[u]);
      const float f = sigmoid_of(a[h + u] + b[h + u] + bias[h + u]);
      const float w = tanh_of(a[2 * h + u] + b[2 * h + u] + bias[2 * h + u]);
      const float o = sigmoid_of(a[3 * h + u] + b[3 * h + u] + bias[3 * h + u]);
      const float c = f * before[u] + i * w;
      const float out = o * tanh_of(c);
      kept[u] = i;
      kept[h + u] = f;
      kept[2 * h + u] = w;
      kept[3 * h + u] = o;
      cell[u] = c;
      hidden[u] = out;
      y[u] = out;
    }
  }
}

BODY void lstm_back(const ddla_gates_back *g) {
  const int64_t h = g->units;
  for (int64_t n = 0; n < g->samples; n++) {
    const float *kept = g->kept + n * 4 * h, *before = g->before + n * h, *cell = g->cell + n * h;
    const float *dy = g->dy + n * g->stride, *later = g->from_later + n * h;
    float *carried = g->carried + n * h, *d = g->d_input + n * 4 * h;
    INDEPENDENT
    for (int64_t u = 0; u < h; u++) {
      const float i = kept[u], f = kept[h + u], w = kept[2 * h + u], o = kept[3 * h + u];
      const float squashed = tanh_of(cell[u]), dh = dy[u] + later[u];
      const float dc = carried[u] + dh * o * (1 - squashed * squashed);
      d[u] = dc * w * i * (1 - i);
      d[h + u] = dc * before[u] * f * (1 - f);
      d[2 * h + u] = dc * i * (1 - w * w);
      d[3 * h + u] = dh * squashed * o * (1 - o);
      carried[u] = dc * f;
    }
  }
}

BODY void gru(const ddla_gates *g) {
  const int64_t h = g->units;
  const float *ba = g->bias_input, *bb = g->bias_hidden;
  for (int64_t n = 0; n < g->samples; n++) {
    const float *a = g->from_input + n * 3 * h, *b = g->from_hidden + n * 3 * h;
    const float *before = g->before + n * h;
    float *kept = g->kept + n * 4 * h, *hidden = g->hidden + n * h, *y = g->y + n * g->stride;
    INDEPENDENT
    for (int64_t u = 0; u < h; u++) {
      const float r = sigmoid_of(a[u] + ba[u] + (b[u] + bb[u]));
      const float z = sigmoid_of(a[h + u] + ba[h + u] + (b[h + u] + bb[h + u]));
      const float q = b[2 * h + u] + bb[2 * h + u];
      const float w = tanh_of(a[2 * h + u] + ba[2 * h + u] + r * q);
      const float out = (1 - z) * w + z * before[u];
      kept[u] = r;
      kept[h + u] = z;
      kept[2 * h + u] = w;
      kept[3 * h + u] = q;
      hidden[u] = out;
      y[u] = out;
    }
  }
}

BODY void gru_back(const ddla_gates_back *g) {
  const int64_t h = g->units;
  for (int64_t n = 0; n < g->samples; n++) {
    const float *kept = g->kept + n * 4 * h, *before = g->before + n * h;
    const float *dy = g->dy + n * g->stride, *later = g->from_later + n * h;
    float *carried = g->carried + n * h, *d = g->d_input + n * 3 * h, *e = g->d_hidden + n * 3 * h;
    INDEPENDENT
    for (int64_t u = 0; u < h; u++) {
      const float r = kept[u], z = kept[h + u], w = kept[2 * h + u], q = kept[3 * h + u];
      const float dh = dy[u] + later[u] + carried[u];
      const float dw = dh * (1 - z) * (1 - w * w);
      const float dr = dw * q * r * (1 - r), dz = dh * (before[u] - w) * z * (1 - z);
      d[u] = dr;
      e[u] = dr;
      d[h + u] = dz;
      e[h + u] = dz;
      d[2 * h + u] = dw;
      e[2 * h + u] = dw * r;
      carried[u] = dh * z;
    }
  }
}

LOOP(lstm, ddla_gates)
LOOP(lstm_back, ddla_gates_back)
LOOP(gru, ddla_gates)
LOOP(gru_back, ddla_gates_back)
