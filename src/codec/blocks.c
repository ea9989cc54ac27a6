#include "codec/blocks.h"

#include <inttypes.h>
#include <string.h>

#include "codec/message.h"
#include "codec/scale.h"

/* Numbers without scales are taken so many at a time, that stay in the cache. */
enum { STEP = 4096, SCALE_BYTES = 2 };

static int64_t block_of(const ddla_codec_blocks *how, const ddla_codec_options *options) {
  return how->scaled ? options->block : 0;
}

static size_t scale_bytes(int64_t count, int64_t block) {
  return block ? (size_t)((count + block - 1) / block) * SCALE_BYTES : 0;
}

static size_t number_bytes(const ddla_codec_blocks *how, int64_t count) {
  return ((size_t)count * (size_t)how->bits + 7) / 8;
}

size_t ddla_blocks_bound(const ddla_codec *codec, int64_t count,
                         const ddla_codec_options *options) {
  return scale_bytes(count, block_of(codec->blocks, options)) + number_bytes(codec->blocks, count);
}

/* The block that begins at number `at`, or as many numbers as are taken at a time. */
static ddla_codec_block block_at(const ddla_codec_message *message, int64_t at) {
  const int64_t step = message->block ? message->block : STEP, left = message->count - at;
  const uint8_t *numbers = message->body + scale_bytes(message->count, message->block);
  return (ddla_codec_block){
      .scale = message->block ? message->body + (size_t)(at / step) * SCALE_BYTES : NULL,
      .numbers = numbers + number_bytes(message->codec->blocks, at),
      .count = left < step ? left : step,
      .loops = message->loops};
}

size_t ddla_blocks_encode(uint8_t *body, ddla_codec_message *message,
                          const ddla_codec_source *source) {
  const ddla_codec_blocks *how = message->codec->blocks;
  const float left_out = -1;
  message->block = block_of(how, source->options);
  message->body = body;
  for (int64_t at = 0; at < source->count;) {
    const ddla_codec_block block = block_at(message, at);
    const float *v = source->values + at;
    if (source->residual) {
      source->loops->mix(source, at, block.count);
      v = source->residual + at;
    }
    how->pack(block.scale ? body + (block.scale - body) : NULL, body + (block.numbers - body), v,
              block.count, source->loops);
    if (source->residual) how->put(source->residual + at, &block, &left_out);
    at += block.count;
  }
  return ddla_blocks_bound(message->codec, source->count, source->options);
}

static ddla_status check_size(const ddla_codec_message *message) {
  const ddla_codec *codec = message->codec;
  const int64_t block = message->block;
  const bool is_block =
      block >= DDLA_CODEC_BLOCK_MIN && block <= DDLA_CODEC_BLOCK_MAX && block % 64 == 0;
  if (codec->blocks->scaled ? !is_block : block != 0)
    return DDLA_FAIL(CORRUPT, "a message of %s has blocks of %" PRId64 " numbers", codec->name,
                     block);
  if (message->width != 0)
    return DDLA_FAIL(CORRUPT, "a message of %s has gaps, which this codec has not", codec->name);
  const size_t wanted =
      scale_bytes(message->count, block) + number_bytes(codec->blocks, message->count);
  if (message->body_bytes != wanted)
    return DDLA_FAIL(CORRUPT,
                     "a message of %s has %zu bytes for %" PRId64 " numbers, which need %zu",
                     codec->name, message->body_bytes, message->count, wanted);
  return DDLA_OK;
}

ddla_status ddla_blocks_check(ddla_codec_message *message) {
  DDLA_TRY(check_size(message));
  for (int64_t at = 0, number = 0; at < message->count; number++) {
    const ddla_codec_block block = block_at(message, at);
    const char *wrong = message->codec->blocks->wrong(&block);
    if (wrong)
      return DDLA_FAIL(CORRUPT, "block %" PRId64 " of a message of %s %s", number,
                       message->codec->name, wrong);
    at += block.count;
  }
  return DDLA_OK;
}

void ddla_blocks_put(float *to, const ddla_codec_message *message, const float *factor) {
  for (int64_t at = 0; at < message->count;) {
    const ddla_codec_block block = block_at(message, at);
    message->codec->blocks->put(to + at, &block, factor);
    at += block.count;
  }
}

float ddla_blocks_scale(const ddla_codec_block *block) {
  return ddla_scale_value((uint16_t)ddla_message_get(block->scale, SCALE_BYTES));
}

bool ddla_blocks_end_in_zeros(const ddla_codec_block *block, int bits) {
  const int64_t used = block->count * bits;
  return used % 8 == 0 || block->numbers[used / 8] >> (used % 8) == 0;
}

uint16_t ddla_blocks_largest16(const ddla_codec_block *block) {
  enum { SOME = 512 };
  uint16_t some[SOME] = {0}, most = 0;
  for (int64_t at = 0; at < block->count; at += SOME) {
    const int64_t left = block->count - at, n = left < SOME ? left : SOME;
    memcpy(some, block->numbers + 2 * at, (size_t)n * sizeof *some);
    for (int i = 0; i < SOME; i++) {
      const uint16_t here = some[i] & 0x7fffU;
      most = here > most ? here : most;
    }
  }
  return most;
}
