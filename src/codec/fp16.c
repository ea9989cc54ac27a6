/* fp16, IEEE 754's binary16: 11 bits of significand, to the nearest, of two equally near ones the
 * even one.
 *
 * What is decoded differs from what was encoded by at most 2^-11 of it, below 2^-14 by at most
 * 2^-25. What is larger than 65504 becomes 65504, and the rest is left out: with error feedback
 * later messages bring it. So every message decodes to finite numbers. */
#include "codec/blocks.h"

static void pack(uint8_t *scale, uint8_t *out, const float *v, int64_t n,
                 const ddla_codec_loops *loops) {
  (void)scale;
  loops->pack_fp16(out, v, n);
}

static void put(float *to, const ddla_codec_block *block, const float *factor) {
  block->loops->put_fp16(to, block->numbers, block->count, factor);
}

static const char *wrong(const ddla_codec_block *block) {
  enum { INFINITE = 0x7c00 };
  return ddla_blocks_largest16(block) < INFINITE ? NULL : "has a number that is not finite";
}

static const ddla_codec_blocks blocks = {.bits = 16, .pack = pack, .put = put, .wrong = wrong};

const ddla_codec ddla_codec_fp16 = {.name = "fp16",
                                    .help = "2 bytes a number: 11 bits of significand, to 65504",
                                    .version = 1,
                                    DDLA_CODEC_OF_BLOCKS(blocks)};
