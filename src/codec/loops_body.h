/* The loops in plain C, as the compiler turns them into vectors of one instruction set: read once
 * by each file of loops/, with TARGET as the functions' attributes. Loops that compilers do not
 * turn into good code are written by hand there: a macro OWN_… leaves out the one of here. */

/* Adding this leaves the nearest whole number in the lowest bits: 1.5 * 2^23. */
#define ROUNDING 12582912.0F

typedef uint16_t u16_anywhere __attribute__((aligned(1), may_alias));
typedef float f32_anywhere __attribute__((aligned(1), may_alias));

TARGET static int32_t largest(const float *v, int64_t n) {
  int32_t most = 0;
  for (int64_t i = 0; i < n; i++) {
    const int32_t here = ddla_codec_magnitude(v[i]);
    most = here > most ? here : most;
  }
  return most;
}

TARGET static int32_t largest_mixed(const ddla_codec_source *source, int64_t at, int64_t n) {
  const float *x = source->values + at, *r = source->residual, *u = source->velocity;
  const float decay = (float)source->options->decay, momentum = (float)source->options->momentum;
  int32_t most = 0;
  if (!r) return largest(x, n);
  r += at;
  if (u) u += at;
  for (int64_t i = 0; u && i < n; i++) {
    const int32_t here = ddla_codec_magnitude(decay * r[i] + (momentum * u[i] + x[i]));
    most = here > most ? here : most;
  }
  for (int64_t i = 0; !u && i < n; i++) {
    const int32_t here = ddla_codec_magnitude(decay * r[i] + x[i]);
    most = here > most ? here : most;
  }
  return most;
}

TARGET static void mix(const ddla_codec_source *source, int64_t at, int64_t n) {
  const float *restrict x = source->values + at;
  float *restrict r = source->residual + at;
  const float decay = (float)source->options->decay, momentum = (float)source->options->momentum;
  if (!source->velocity) {
    for (int64_t i = 0; i < n; i++) r[i] = decay * r[i] + x[i];
    return;
  }
  float *restrict u = source->velocity + at;
  for (int64_t i = 0; i < n; i++) {
    u[i] = momentum * u[i] + x[i];
    r[i] = decay * r[i] + u[i];
  }
}

/* Vectors of the compiler: the sixteen partial sums stay what the source says. */
typedef float four_floats __attribute__((vector_size(16)));
typedef int32_t four_ints __attribute__((vector_size(16)));
typedef double four_doubles __attribute__((vector_size(32)));

enum { SUMS = 16, SUM_WIDTH = 4, SUM_VECTORS = SUMS / SUM_WIDTH };

TARGET static inline void add_magnitudes(four_doubles *part, const float *v) {
  for (int k = 0; k < SUM_VECTORS; k++) {
    four_ints bits;
    memcpy(&bits, v + SUM_WIDTH * k, sizeof bits);
    bits &= DDLA_CODEC_MAGNITUDE;
    part[k] += __builtin_convertvector((four_floats)bits, four_doubles);
  }
}

TARGET static double sum(const float *v, int64_t n) {
  four_doubles part[SUM_VECTORS] = {{0}};
  int64_t i = 0;
  for (; i + SUMS <= n; i += SUMS) add_magnitudes(part, v + i);
  if (i < n) {
    float rest[SUMS] = {0};
    memcpy(rest, v + i, (size_t)(n - i) * sizeof *v);
    add_magnitudes(part, rest);
  }
  double sums[SUMS];
  memcpy(sums, part, sizeof sums);
  for (int half = SUMS / 2; half > 0; half /= 2)
    for (int k = 0; k < half; k++) sums[k] += sums[k + half];
  return sums[0];
}

TARGET static void pack8(uint8_t *restrict out, const float *restrict v, int64_t n, float scale) {
  for (int64_t i = 0; i < n; i++) out[i] = (uint8_t)ddla_codec_bits(v[i] / scale + ROUNDING);
}

/* Four bits each go by eight bits each, some at a time: pairs of bytes are one number of 16 bits.
 */
enum { NIBBLES = 256 };

TARGET static void pack4(uint8_t *restrict out, const float *restrict v, int64_t n, float scale) {
  for (int64_t at = 0; at < n; at += NIBBLES) {
    uint8_t bytes[NIBBLES] = {0};
    uint16_t pair[NIBBLES / 2];
    const int64_t here = n - at < NIBBLES ? n - at : NIBBLES;
    pack8(bytes, v + at, here, scale);
    memcpy(pair, bytes, sizeof pair);
    for (int64_t i = 0; i < (here + 1) / 2; i++)
      out[at / 2 + i] = (uint8_t)((pair[i] & 15U) | (pair[i] >> 4 & 0xf0U));
  }
}

#ifndef OWN_PACK1
TARGET static void pack1(uint8_t *restrict out, const float *restrict v, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) {
    const int64_t left = n - i < 8 ? n - i : 8;
    uint32_t byte = 0;
    for (int64_t k = 0; k < left; k++) byte |= ddla_codec_bits(v[i + k]) >> 31 << k;
    out[i / 8] = (uint8_t)byte;
  }
}
#endif

/* What is added carries into the 16 bits that stay where more than half of their last one is cut
 * off, or half and that last one is set. */
TARGET static void pack_bf16(uint8_t *restrict out, const float *restrict v, int64_t n) {
  u16_anywhere *to = (u16_anywhere *)(void *)out;
  for (int64_t i = 0; i < n; i++) {
    const uint32_t bits = ddla_codec_bits(v[i]);
    to[i] = (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
  }
}

#ifndef OWN_FP16
/* Where fp16 has no full exponent, its last bit is 2^-24, which is that of the floats from 0.5 on.
 */
TARGET static void pack_fp16(uint8_t *restrict out, const float *restrict v, int64_t n) {
  u16_anywhere *to = (u16_anywhere *)(void *)out;
  for (int64_t i = 0; i < n; i++) {
    const uint32_t bits = ddla_codec_bits(v[i]), most = 0x477fe000U, half = 0x3f000000U;
    const uint32_t whole = bits & 0x7fffffffU, held = whole < most ? whole : most;
    const uint32_t full = (held + 0xfffU + (held >> 13 & 1U) - (112U << 23)) >> 13;
    const uint32_t small = ddla_codec_bits(ddla_codec_float(held) + 0.5F) - half;
    to[i] = (uint16_t)((bits >> 16 & 0x8000U) | (held < 0x38800000U ? small : full));
  }
}

TARGET static void put_fp16(float *restrict to, const uint8_t *restrict in, int64_t n,
                            const float *factor) {
  const u16_anywhere *from = (const u16_anywhere *)(const void *)in;
  const float shift = 0x1p112F;
  for (int64_t i = 0; !factor && i < n; i++) {
    const uint32_t bits = from[i];
    const float whole = ddla_codec_float((bits & 0x7fffU) << 13) * shift;
    to[i] = ddla_codec_float(ddla_codec_bits(whole) | (bits & 0x8000U) << 16);
  }
  for (int64_t i = 0; factor && i < n; i++) {
    const uint32_t bits = from[i];
    const float whole = ddla_codec_float((bits & 0x7fffU) << 13) * shift;
    to[i] += *factor * ddla_codec_float(ddla_codec_bits(whole) | (bits & 0x8000U) << 16);
  }
}
#endif

TARGET static void put8(float *restrict to, const uint8_t *restrict in, int64_t n,
                        const float *factor, float scale) {
  for (int64_t i = 0; !factor && i < n; i++) to[i] = (float)(int8_t)in[i] * scale;
  for (int64_t i = 0; factor && i < n; i++) to[i] += *factor * ((float)(int8_t)in[i] * scale);
}

TARGET static void put4(float *restrict to, const uint8_t *restrict in, int64_t n,
                        const float *factor, float scale) {
  for (int64_t at = 0; at < n; at += NIBBLES) {
    uint16_t pair[NIBBLES / 2];
    uint8_t bytes[NIBBLES];
    const int64_t here = n - at < NIBBLES ? n - at : NIBBLES;
    for (int64_t i = 0; i < (here + 1) / 2; i++) {
      const uint32_t both = in[at / 2 + i];
      pair[i] = (uint16_t)((both & 15U) | (both & 0xf0U) << 4);
    }
    memcpy(bytes, pair, (size_t)(here + 1) / 2 * 2);
    for (int64_t i = 0; i < here; i++) bytes[i] = (uint8_t)((bytes[i] ^ 8U) - 8U);
    put8(to + at, bytes, here, factor, scale);
  }
}

typedef uint32_t eight_words __attribute__((vector_size(32)));
typedef float eight_floats __attribute__((vector_size(32)));

/* scale with each of the eight signs of a byte. */
TARGET static inline void sign_eight(eight_floats *out, uint32_t byte, uint32_t scale) {
  const eight_words masks = {1, 2, 4, 8, 16, 32, 64, 128};
  const eight_words negative = (eight_words)((byte & masks) != 0) & 0x80000000U;
  *out = (eight_floats)(negative | scale);
}

TARGET static void put1(float *restrict to, const uint8_t *restrict in, int64_t n,
                        const float *factor, float scale) {
  const uint32_t whole = ddla_codec_bits(scale);
  for (int64_t i = 0; i < n; i += 8) {
    const size_t bytes = (n - i < 8 ? (size_t)(n - i) : 8) * sizeof *to;
    eight_floats x, old = {0};
    sign_eight(&x, in[i / 8], whole);
    if (factor) {
      if (bytes == sizeof old) memcpy(&old, to + i, sizeof old);
      else memcpy(&old, to + i, bytes);
      x = old + *factor * x;
    }
    if (bytes == sizeof x) memcpy(to + i, &x, sizeof x);
    else memcpy(to + i, &x, bytes);
  }
}

TARGET static void put_bf16(float *restrict to, const uint8_t *restrict in, int64_t n,
                            const float *factor) {
  const u16_anywhere *from = (const u16_anywhere *)(const void *)in;
  for (int64_t i = 0; !factor && i < n; i++) to[i] = ddla_codec_float((uint32_t)from[i] << 16);
  for (int64_t i = 0; factor && i < n; i++)
    to[i] += *factor * ddla_codec_float((uint32_t)from[i] << 16);
}

TARGET static void put_fp32(float *restrict to, const uint8_t *restrict in, int64_t n,
                            const float *factor) {
  const f32_anywhere *from = (const f32_anywhere *)(const void *)in;
  for (int64_t i = 0; factor && i < n; i++) to[i] += *factor * from[i];
  if (!factor) memcpy(to, in, (size_t)n * sizeof *to);
}

#ifndef OWN_COLLECT
/* Written in any case, counted only where it is large enough: no jump that guesses wrong. */
TARGET static void collect(ddla_codec_picks *picks, const float *v, int64_t at, int64_t n,
                           int32_t least) {
  int64_t count = picks->count;
  for (int64_t i = 0; i < n; i++) {
    picks->index[count] = (uint32_t)(at + i);
    picks->value[count] = v[i];
    count += ddla_codec_magnitude(v[i]) >= least;
  }
  picks->count = count;
}
#endif

#define LOOPS_OF(isa, is_present)                                                                  \
  static bool present(void) { return is_present; }                                                 \
  extern const ddla_codec_loops ddla_codec_loops_##isa;                                            \
  const ddla_codec_loops ddla_codec_loops_##isa = {.name = #isa,                                   \
                                                   .present = present,                             \
                                                   .largest = largest,                             \
                                                   .largest_mixed = largest_mixed,                 \
                                                   .mix = mix,                                     \
                                                   .sum = sum,                                     \
                                                   .pack8 = pack8,                                 \
                                                   .pack4 = pack4,                                 \
                                                   .pack1 = pack1,                                 \
                                                   .pack_bf16 = pack_bf16,                         \
                                                   .pack_fp16 = pack_fp16,                         \
                                                   .put8 = put8,                                   \
                                                   .put4 = put4,                                   \
                                                   .put1 = put1,                                   \
                                                   .put_bf16 = put_bf16,                           \
                                                   .put_fp16 = put_fp16,                           \
                                                   .put_fp32 = put_fp32,                           \
                                                   .collect = collect}
