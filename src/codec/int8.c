/* Whole numbers from -127 to 127 times a scale for each block (Dettmers 2015, "8-bit approximations
 * for parallelism in deep learning", arXiv:1511.04561; blocks as in Dettmers et al. 2021,
 * arXiv:2110.02861). Ours are evenly spaced, not of dynamic exponent:
 *
 *   s = the least number of bf16 from 2^-126 on with 127 s >= max |v|     (0 where all are 0)
 *   q = v / s to the nearest whole number, of two equally near ones the even one
 *   decoded: q * s
 *
 * |v - q s| <= s / 2 exactly. Rounding s up to bf16 costs at most 1/128 of accuracy and buys this:
 * q * s has at most 15 bits and is exact; v / s rounded to fp32 never falls on a half that v / s
 * itself is not on; and v - q s, a multiple of the last bit of v and no larger than v, is exact
 * too. So with error feedback and decay 1 nothing is lost, ever: what was decoded and what is kept
 * add up to what came in. */
#include <string.h>

#include "codec/blocks.h"
#include "codec/message.h"
#include "codec/scale.h"

enum { LEVELS = 127 };

static void pack(uint8_t *scale, uint8_t *out, const float *v, int64_t n,
                 const ddla_codec_loops *loops) {
  const uint16_t s = ddla_scale_up(ddla_codec_float((uint32_t)loops->largest(v, n)), LEVELS);
  ddla_message_put(scale, s, 2);
  if (s) loops->pack8(out, v, n, ddla_scale_value(s));
  else memset(out, 0, (size_t)n);
}

static void put(float *to, const ddla_codec_block *block, const float *factor) {
  block->loops->put8(to, block->numbers, block->count, factor, ddla_blocks_scale(block));
}

static const char *wrong(const ddla_codec_block *block) {
  uint32_t bad = 0;
  if (!ddla_scale_is_right((uint16_t)ddla_message_get(block->scale, 2), LEVELS))
    return "has a scale that is negative or too large";
  for (int64_t i = 0; i < block->count; i++) bad |= block->numbers[i] == 0x80;
  return bad ? "has a -128, which is never sent" : NULL;
}

static const ddla_codec_blocks blocks = {
    .bits = 8, .scaled = true, .pack = pack, .put = put, .wrong = wrong};

const ddla_codec ddla_codec_int8 = {.name = "int8",
                                    .help = "1 byte a number and a scale for each block",
                                    .version = 1,
                                    DDLA_CODEC_OF_BLOCKS(blocks)};
