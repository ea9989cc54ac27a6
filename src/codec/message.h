/* The head of a message, and numbers in it: little-endian whatever the machine, at any address.
 * docs/formats/codecs.md has the same byte by byte. */
#ifndef DDLA_CODEC_MESSAGE_H
#define DDLA_CODEC_MESSAGE_H

#include "codec/codec.h"

/* Arrays of numbers in messages are copied as they lie in memory, which must be little-endian. */
static inline bool ddla_message_is_native(void) {
  const uint16_t one = 1;
  return *(const uint8_t *)&one == 1;
}

/* Writes the head of a message of so many bytes, whose body is there: the head has its digest. */
void ddla_message_write_head(uint8_t *out, const ddla_codec_message *message, size_t bytes);

/* Writes the digest anew, of what a test or a fuzzer has changed. */
void ddla_message_seal(uint8_t *message, size_t bytes);

/* Fills all but entries. Errors: CORRUPT, UNSUPPORTED. */
ddla_status ddla_message_read_head(ddla_codec_message *out, const uint8_t *in, size_t bytes);

/* Whole numbers of so many bytes, at most 8. */
void ddla_message_put(uint8_t *out, uint64_t value, int bytes);
uint64_t ddla_message_get(const uint8_t *in, int bytes);

#endif
