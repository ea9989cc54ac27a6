/* The loops of codecs over arrays of numbers, once for each kind of processor. All rows of
 * loops_list.h give the same bits: each element by itself, or sums in an order that the source
 * fixes (-ffp-contract=off). Arrays do not overlap, and `in` and `out` may lie at any address. */
#ifndef DDLA_CODEC_LOOPS_H
#define DDLA_CODEC_LOOPS_H

#include "codec/codec.h"

/* Magnitudes of floats are compared as whole numbers: the bits without the sign. LIMIT is 2^127. */
#define DDLA_CODEC_MAGNITUDE INT32_C(0x7fffffff)
#define DDLA_CODEC_LIMIT INT32_C(0x7f000000)

/* Numbers that were picked out of an array: their places in rising order, and what they are. */
typedef struct ddla_codec_picks {
  int64_t count;
  uint32_t *index;
  float *value;
} ddla_codec_picks;

/* collect writes up to this many picks past the last one that counts. */
enum { DDLA_CODEC_PICKS_SLACK = 16 };

typedef struct ddla_codec_loops {
  const char *name;
  bool (*present)(void);
  /* Largest magnitude of v[0, n), of the numbers that [at, at + n) of a source will be. */
  int32_t (*largest)(const float *v, int64_t n);
  int32_t (*largest_mixed)(const ddla_codec_source *source, int64_t at, int64_t n);
  /* The state moves on: residual becomes what is encoded (codec.h: u', v). */
  void (*mix)(const ddla_codec_source *source, int64_t at, int64_t n);
  /* Sum of the magnitudes: element i goes to partial sum i mod 16, in double; these are added in
   * halves. */
  double (*sum)(const float *v, int64_t n);
  /* v / scale, which is at most 127 or 7 in magnitude, to the nearest whole number, of two equally
   * near ones the even one. In 8 or 4 bits, two's complement; the first of two in the lower bits.
   */
  void (*pack8)(uint8_t *out, const float *v, int64_t n, float scale);
  void (*pack4)(uint8_t *out, const float *v, int64_t n, float scale);
  /* Signs, 1 for negative, the first of eight in the lowest bit. */
  void (*pack1)(uint8_t *out, const float *v, int64_t n);
  /* The nearest number of bf16; of fp16, where what is too large becomes 65504. */
  void (*pack_bf16)(uint8_t *out, const float *v, int64_t n);
  void (*pack_fp16)(uint8_t *out, const float *v, int64_t n);
  /* The other way: to = numbers, or to += *factor * numbers. */
  void (*put8)(float *to, const uint8_t *in, int64_t n, const float *factor, float scale);
  void (*put4)(float *to, const uint8_t *in, int64_t n, const float *factor, float scale);
  void (*put1)(float *to, const uint8_t *in, int64_t n, const float *factor, float scale);
  void (*put_bf16)(float *to, const uint8_t *in, int64_t n, const float *factor);
  void (*put_fp16)(float *to, const uint8_t *in, int64_t n, const float *factor);
  void (*put_fp32)(float *to, const uint8_t *in, int64_t n, const float *factor);
  /* Adds the elements of v[0, n), numbered from `at`, whose magnitude is at least `least`. */
  void (*collect)(ddla_codec_picks *picks, const float *v, int64_t at, int64_t n, int32_t least);
} ddla_codec_loops;

/* Row by position, null after the last; the first one that this machine can run. Borrowed for ever.
 */
const ddla_codec_loops *ddla_codec_loops_at(int index);
const ddla_codec_loops *ddla_codec_loops_best(void);

/* Bits of a float, and back. */
static inline uint32_t ddla_codec_bits(float x) {
  union {
    float x;
    uint32_t bits;
  } both = {x};
  return both.bits;
}

static inline float ddla_codec_float(uint32_t bits) {
  union {
    uint32_t bits;
    float x;
  } both = {bits};
  return both.x;
}

static inline int32_t ddla_codec_magnitude(float x) {
  return (int32_t)ddla_codec_bits(x) & DDLA_CODEC_MAGNITUDE;
}

/* What number i of a source will be encoded as. */
static inline float ddla_codec_mixed(const ddla_codec_source *source, int64_t i) {
  float x = source->values[i];
  if (source->velocity) x = (float)source->options->momentum * source->velocity[i] + x;
  return source->residual ? (float)source->options->decay * source->residual[i] + x : x;
}

#endif
