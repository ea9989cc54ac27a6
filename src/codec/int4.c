/* Whole numbers from -7 to 7 times a scale for each block, two to a byte: as int8.c, with 7 in the
 * place of 127. |v - q s| <= s / 2 exactly, and nothing is lost with error feedback. The papers'
 * quantisers to so few bits round at random (Alistarh et al. 2017, "QSGD", arXiv:1610.02132); ours
 * rounds to the nearest and leaves unbiasedness to error feedback, so that a message is a function
 * of what it is made of. */
#include <string.h>

#include "codec/blocks.h"
#include "codec/message.h"
#include "codec/scale.h"

enum { LEVELS = 7, BITS = 4 };

static void pack(uint8_t *scale, uint8_t *out, const float *v, int64_t n,
                 const ddla_codec_loops *loops) {
  const uint16_t s = ddla_scale_up(ddla_codec_float((uint32_t)loops->largest(v, n)), LEVELS);
  ddla_message_put(scale, s, 2);
  if (s) loops->pack4(out, v, n, ddla_scale_value(s));
  else memset(out, 0, (size_t)(n + 1) / 2);
}

static void put(float *to, const ddla_codec_block *block, const float *factor) {
  block->loops->put4(to, block->numbers, block->count, factor, ddla_blocks_scale(block));
}

static const char *wrong(const ddla_codec_block *block) {
  uint32_t bad = 0;
  if (!ddla_scale_is_right((uint16_t)ddla_message_get(block->scale, 2), LEVELS))
    return "has a scale that is negative or too large";
  for (int64_t i = 0; i < (block->count + 1) / 2; i++)
    bad |= (block->numbers[i] & 15U) == 8 || block->numbers[i] >> 4 == 8;
  if (bad) return "has a -8, which is never sent";
  return ddla_blocks_end_in_zeros(block, BITS) ? NULL : "goes on behind its last number";
}

static const ddla_codec_blocks blocks = {
    .bits = BITS, .scaled = true, .pack = pack, .put = put, .wrong = wrong};

const ddla_codec ddla_codec_int4 = {.name = "int4",
                                    .help = "half a byte a number and a scale for each block",
                                    .version = 1,
                                    DDLA_CODEC_OF_BLOCKS(blocks)};
