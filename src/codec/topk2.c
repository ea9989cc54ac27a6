/* The numbers of largest magnitude in 2 bits each, and their places, as in SparseLoCo (Sarfi et al.
 * 2025, "Communication efficient LLM pre-training with SparseLoCo", arXiv:2508.15706), whose error
 * feedback e = decay * e + x is ours with its decay, 0.95 in the paper.
 *
 * Two bits are a sign and one of two levels. For each `block` of sent numbers, in the order of
 * their places:
 *
 *   m = mean of |v|, in double, in order
 *   low = mean of the |v| up to m, high = mean of those above m (low where there are none), both to
 *   the nearest number of bf16
 *   decoded: high where |v| > (low + high) / 2, else low, with the sign of v
 *
 * one step of Lloyd's method from the mean. The paper chooses k in each chunk of 4096 numbers, ours
 * in the whole array: what its chunks do, a caller does by encoding ranges. Levels take 4 bytes a
 * block, 1/16 of the bits at 256. The momentum correction of topk.c works here too. */
#include "codec/message.h"
#include "codec/scale.h"
#include "codec/sparse.h"

enum { LEVEL_BYTES = 4, BITS = 2, NEGATIVE = 1, HIGH = 2 };

typedef struct levels {
  uint16_t low, high;
} levels;

static size_t level_bytes(int64_t entries, int64_t block) {
  return (size_t)((entries + block - 1) / block) * LEVEL_BYTES;
}

static size_t number_bytes(int64_t entries, int64_t block) {
  return level_bytes(entries, block) + (size_t)(entries * BITS + 7) / 8;
}

static size_t bound(const ddla_codec *codec, int64_t count, const ddla_codec_options *options) {
  const int64_t entries = ddla_sparse_entries(count, options);
  (void)codec;
  return ddla_sparse_bound(count, entries, number_bytes(entries, options->block));
}

static double magnitude(float x) {
  return (double)ddla_codec_float((uint32_t)ddla_codec_magnitude(x));
}

static levels levels_of(const float *v, int64_t n) {
  double sum = 0, above = 0;
  int64_t above_count = 0;
  for (int64_t i = 0; i < n; i++) sum += magnitude(v[i]);
  const double mean = sum / (double)n;
  sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const bool is_above = magnitude(v[i]) > mean;
    if (is_above) above += magnitude(v[i]);
    else sum += magnitude(v[i]);
    above_count += is_above;
  }
  /* The mean can be rounded to below all numbers, where they are equal. */
  if (above_count == n) return (levels){ddla_scale_near(mean), ddla_scale_near(mean)};
  const uint16_t low = ddla_scale_near(sum / (double)(n - above_count));
  return (levels){low, above_count > 0 ? ddla_scale_near(above / (double)above_count) : low};
}

static float number_of(levels l, uint32_t code) {
  const float x = ddla_scale_value(code & HIGH ? l.high : l.low);
  return code & NEGATIVE ? -x : x;
}

static uint32_t code_of(levels l, float v) {
  const float middle = (ddla_scale_value(l.low) + ddla_scale_value(l.high)) / 2;
  const uint32_t negative = ddla_codec_bits(v) >> 31;
  return negative | (magnitude(v) > (double)middle ? HIGH : 0U);
}

/* The numbers of one block, which v holds, and what they decode to, into v. */
static void encode_block(uint8_t *level, uint8_t *code, float *v, int64_t n) {
  const levels l = levels_of(v, n);
  ddla_message_put(level, l.low, 2);
  ddla_message_put(level + 2, l.high, 2);
  for (int64_t i = 0; i < n; i++) {
    const uint32_t bits = code_of(l, v[i]);
    if (i % 4 == 0) code[i / 4] = 0;
    code[i / 4] |= (uint8_t)(bits << BITS * (i % 4));
    v[i] = number_of(l, bits);
  }
}

static size_t encode(uint8_t *body, ddla_codec_message *message, const ddla_codec_source *source) {
  const int64_t block = source->options->block;
  ddla_codec_picks picks;
  message->block = block;
  ddla_sparse_pick(&picks, message, source);
  uint8_t *level = body + DDLA_SPARSE_ENTRIES_BYTES,
          *code = level + level_bytes(picks.count, block);
  for (int64_t at = 0; at < picks.count; at += block) {
    const int64_t left = picks.count - at;
    encode_block(level + at / block * LEVEL_BYTES, code + at / 4, picks.value + at,
                 left < block ? left : block);
  }
  return ddla_sparse_finish(body, message, source, &picks, number_bytes(picks.count, block));
}

static levels levels_at(const ddla_codec_message *message, int64_t block) {
  const uint8_t *level = message->body + DDLA_SPARSE_ENTRIES_BYTES + block * LEVEL_BYTES;
  return (levels){(uint16_t)ddla_message_get(level, 2), (uint16_t)ddla_message_get(level + 2, 2)};
}

static float number(const ddla_codec_message *message, int64_t i) {
  const uint8_t *code =
      message->body + DDLA_SPARSE_ENTRIES_BYTES + level_bytes(message->entries, message->block);
  return number_of(levels_at(message, i / message->block), (uint32_t)code[i / 4] >> BITS * (i % 4));
}

static ddla_status check(ddla_codec_message *message) {
  DDLA_TRY(ddla_sparse_read_entries(message));
  const int64_t block = message->block, entries = message->entries;
  if (block < DDLA_CODEC_BLOCK_MIN || block > DDLA_CODEC_BLOCK_MAX || block % 64 != 0)
    return DDLA_FAIL(CORRUPT, "a message of topk2 has blocks of %lld numbers", (long long)block);
  DDLA_TRY(ddla_sparse_check(message, number_bytes(entries, block)));
  for (int64_t i = 0; i * block < entries; i++) {
    const levels l = levels_at(message, i);
    if (l.low > l.high || !ddla_scale_is_right(l.high, 1))
      return DDLA_FAIL(CORRUPT, "block %lld of a message of topk2 has levels that cannot be",
                       (long long)i);
  }
  const uint8_t last = message->body[DDLA_SPARSE_ENTRIES_BYTES + number_bytes(entries, block) - 1];
  if (entries % 4 != 0 && last >> BITS * (entries % 4) != 0)
    return DDLA_FAIL(CORRUPT, "a message of topk2 goes on behind its last number");
  return DDLA_OK;
}

static void put(float *to, const ddla_codec_message *message, const float *factor) {
  ddla_sparse_put(to, message, factor, number_bytes(message->entries, message->block), number);
}

const ddla_codec ddla_codec_topk2 = {.name = "topk2",
                                     .help = "as topk, with 2 bits for each number; needs feedback",
                                     .version = 1,
                                     .momentum = true,
                                     .bound = bound,
                                     .scratch = ddla_sparse_scratch,
                                     .encode = encode,
                                     .check = check,
                                     .put = put};
