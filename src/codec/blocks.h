/* Codecs that give every number the same few bits, with or without a scale for each block of
 * numbers. The body of a message: the scales, 2 bytes each, then the numbers, packed, the bits
 * behind the last one zero. */
#ifndef DDLA_CODEC_BLOCKS_H
#define DDLA_CODEC_BLOCKS_H

#include "codec/loops.h"

/* A block in a message. */
typedef struct ddla_codec_block {
  const uint8_t *scale; /* 2 bytes, or null */
  const uint8_t *numbers;
  int64_t count;
  const ddla_codec_loops *loops;
} ddla_codec_block;

typedef struct ddla_codec_blocks {
  int bits;    /* of a number: 1, 4, 8, 16 or 32 */
  bool scaled; /* the option block counts */
  /* Numbers v[0, n), below 2^127, of one block into the message. */
  void (*pack)(uint8_t *scale, uint8_t *out, const float *v, int64_t n,
               const ddla_codec_loops *loops);
  /* to = numbers, or to += *factor * numbers. */
  void (*put)(float *to, const ddla_codec_block *block, const float *factor);
  /* What is wrong with a block, in words that go on "block 3 of a message of int8 "; null if it is
   * right. */
  const char *(*wrong)(const ddla_codec_block *block);
} ddla_codec_blocks;

size_t ddla_blocks_bound(const ddla_codec *codec, int64_t count, const ddla_codec_options *options);
size_t ddla_blocks_encode(uint8_t *body, ddla_codec_message *message,
                          const ddla_codec_source *source);
ddla_status ddla_blocks_check(ddla_codec_message *message);
void ddla_blocks_put(float *to, const ddla_codec_message *message, const float *factor);

/* Scale of a block, and whether count numbers of so many bits end in zeros. */
float ddla_blocks_scale(const ddla_codec_block *block);
bool ddla_blocks_end_in_zeros(const ddla_codec_block *block, int bits);

/* Largest of a block's numbers of 16 bits, without their signs. */
uint16_t ddla_blocks_largest16(const ddla_codec_block *block);

/* The slots of a row. */
#define DDLA_CODEC_OF_BLOCKS(how)                                                                  \
  .blocks = &(how), .bound = ddla_blocks_bound, .encode = ddla_blocks_encode,                      \
  .check = ddla_blocks_check, .put = ddla_blocks_put

#endif
