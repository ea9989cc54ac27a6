/* fp32 as it is: 4 bytes a number, nothing is left out, not even the sign of a zero. For comparing,
 * and for what is small. */
#include <string.h>

#include "codec/blocks.h"

static void pack(uint8_t *scale, uint8_t *out, const float *v, int64_t n,
                 const ddla_codec_loops *loops) {
  (void)scale;
  (void)loops;
  memcpy(out, v, (size_t)n * sizeof *v);
}

static void put(float *to, const ddla_codec_block *block, const float *factor) {
  block->loops->put_fp32(to, block->numbers, block->count, factor);
}

static const char *wrong(const ddla_codec_block *block) {
  enum { STEP = 1024 };
  float copy[STEP];
  for (int64_t at = 0; at < block->count; at += STEP) {
    const int64_t n = block->count - at < STEP ? block->count - at : STEP;
    memcpy(copy, block->numbers + (size_t)at * sizeof *copy, (size_t)n * sizeof *copy);
    if (block->loops->largest(copy, n) >= DDLA_CODEC_LIMIT) return "has a number of 2^127 or above";
  }
  return NULL;
}

static const ddla_codec_blocks blocks = {.bits = 32, .pack = pack, .put = put, .wrong = wrong};

const ddla_codec ddla_codec_none = {.name = "none",
                                    .help = "fp32: 4 bytes a number, nothing is left out",
                                    .version = 1,
                                    .lossless = true,
                                    DDLA_CODEC_OF_BLOCKS(blocks)};
