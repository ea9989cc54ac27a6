/* bf16, the upper half of fp32 (Kalamkar et al. 2019, "A study of BFLOAT16 for deep learning
 * training", arXiv:1905.12322): 8 bits of significand and all of fp32's range, to the nearest, of
 * two equally near ones the even one.
 *
 * What is decoded differs from what was encoded by at most 2^-8 of it, below 2^-126 by at most
 * 2^-134. Unlike the processors' own conversion, ours keeps numbers below 2^-126. */
#include "codec/blocks.h"

static void pack(uint8_t *scale, uint8_t *out, const float *v, int64_t n,
                 const ddla_codec_loops *loops) {
  (void)scale;
  loops->pack_bf16(out, v, n);
}

static void put(float *to, const ddla_codec_block *block, const float *factor) {
  block->loops->put_bf16(to, block->numbers, block->count, factor);
}

/* 2^127 is what the largest numbers below it are rounded to. */
static const char *wrong(const ddla_codec_block *block) {
  const bool is_right = ddla_blocks_largest16(block) <= DDLA_CODEC_LIMIT >> 16;
  return is_right ? NULL : "has a number above 2^127";
}

static const ddla_codec_blocks blocks = {.bits = 16, .pack = pack, .put = put, .wrong = wrong};

const ddla_codec ddla_codec_bf16 = {.name = "bf16",
                                    .help = "2 bytes a number: 8 bits of significand, fp32's range",
                                    .version = 1,
                                    DDLA_CODEC_OF_BLOCKS(blocks)};
