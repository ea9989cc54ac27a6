/* One bit a number (Seide et al. 2014, "1-bit stochastic gradient descent"), in the form with a
 * scale and error feedback (Karimireddy et al. 2019, "Error feedback fixes SignSGD and other
 * gradient compression schemes", arXiv:1901.09847):
 *
 *   s = mean |v| over the block, to the nearest number of bf16
 *   decoded: s with the sign of v; a zero's sign counts
 *
 * The paper's scale is of a layer, ours of a block, and bf16. |v - decoded| is ||v| - s| exactly;
 * what is left out is that, rounded to fp32. Without error feedback training need not converge. */
#include "codec/blocks.h"
#include "codec/message.h"
#include "codec/scale.h"

static void pack(uint8_t *scale, uint8_t *out, const float *v, int64_t n,
                 const ddla_codec_loops *loops) {
  ddla_message_put(scale, ddla_scale_near(loops->sum(v, n) / (double)n), 2);
  loops->pack1(out, v, n);
}

static void put(float *to, const ddla_codec_block *block, const float *factor) {
  block->loops->put1(to, block->numbers, block->count, factor, ddla_blocks_scale(block));
}

static const char *wrong(const ddla_codec_block *block) {
  if (!ddla_scale_is_right((uint16_t)ddla_message_get(block->scale, 2), 1))
    return "has a scale that is negative or not finite";
  return ddla_blocks_end_in_zeros(block, 1) ? NULL : "goes on behind its last number";
}

static const ddla_codec_blocks blocks = {
    .bits = 1, .scaled = true, .pack = pack, .put = put, .wrong = wrong};

const ddla_codec ddla_codec_sign = {.name = "sign",
                                    .help =
                                        "1 bit a number and a scale for each block; needs feedback",
                                    .version = 1,
                                    DDLA_CODEC_OF_BLOCKS(blocks)};
