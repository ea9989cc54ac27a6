#include "codec/message.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/xxh3.h"

enum {
  MAGIC_AT = 0,
  VERSION_AT = 4,
  ZERO_AT = 6,
  DIGEST_AT = 8,
  NAME_AT = 16, /* from here on, everything has part in the digest */
  COUNT_AT = 24,
  BLOCK_AT = 32,
  WIDTH_AT = 36,
  NAME_BYTES = COUNT_AT - NAME_AT,
  MAGIC_BYTES = VERSION_AT - MAGIC_AT
};

static const uint8_t magic[MAGIC_BYTES] = {'d', 'd', 'l', 'u'};

void ddla_message_put(uint8_t *out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> 8 * i);
}

uint64_t ddla_message_get(const uint8_t *in, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)in[i] << 8 * i;
  return value;
}

static uint64_t digest_of(const uint8_t *message, size_t bytes) {
  return ddla_xxh3_of(message + NAME_AT, bytes - NAME_AT);
}

void ddla_message_seal(uint8_t *message, size_t bytes) {
  ddla_message_put(message + DIGEST_AT, digest_of(message, bytes), NAME_AT - DIGEST_AT);
}

void ddla_message_write_head(uint8_t *out, const ddla_codec_message *message, size_t bytes) {
  memset(out, 0, DDLA_CODEC_HEAD_BYTES);
  memcpy(out + MAGIC_AT, magic, MAGIC_BYTES);
  ddla_message_put(out + VERSION_AT, (uint64_t)message->codec->version, ZERO_AT - VERSION_AT);
  memcpy(out + NAME_AT, message->codec->name, strlen(message->codec->name));
  ddla_message_put(out + COUNT_AT, (uint64_t)message->count, BLOCK_AT - COUNT_AT);
  ddla_message_put(out + BLOCK_AT, (uint64_t)message->block, WIDTH_AT - BLOCK_AT);
  ddla_message_put(out + WIDTH_AT, (uint64_t)message->width, DDLA_CODEC_HEAD_BYTES - WIDTH_AT);
  ddla_message_seal(out, bytes);
}

/* The codec of a head; the name's bytes behind its end are zero. */
static ddla_status read_codec(const ddla_codec **out, const uint8_t *in) {
  char name[NAME_BYTES + 1] = {0};
  memcpy(name, in + NAME_AT, NAME_BYTES);
  const size_t length = strlen(name);
  for (size_t i = length; i < NAME_BYTES; i++)
    if (name[i]) return DDLA_FAIL(CORRUPT, "the name of a message's codec goes on after its end");
  const ddla_codec *codec = ddla_codec_find(name);
  if (!codec)
    return DDLA_FAIL(UNSUPPORTED, "a message is made by the codec %s, which is not known here",
                     ddla_text_quote(name).text);
  const uint64_t version = ddla_message_get(in + VERSION_AT, ZERO_AT - VERSION_AT);
  if (version < 1)
    return DDLA_FAIL(CORRUPT, "a message of %s has the version 0, which there never was", name);
  if (version > (uint64_t)codec->version)
    return DDLA_FAIL(UNSUPPORTED,
                     "a message of %s has version %" PRIu64 "; this program knows up to %d", name,
                     version, codec->version);
  *out = codec;
  return DDLA_OK;
}

/* That these bytes are a message, and that none of them has changed. */
static ddla_status check_whole(const uint8_t *in, size_t bytes) {
  if (bytes < DDLA_CODEC_HEAD_BYTES)
    return DDLA_FAIL(CORRUPT, "a message of %zu bytes is shorter than its head of %d", bytes,
                     DDLA_CODEC_HEAD_BYTES);
  if (memcmp(in + MAGIC_AT, magic, MAGIC_BYTES) != 0)
    return DDLA_FAIL(CORRUPT, "%zu bytes are not a message: they do not begin with \"ddlu\"",
                     bytes);
  if (ddla_message_get(in + ZERO_AT, DIGEST_AT - ZERO_AT) != 0)
    return DDLA_FAIL(CORRUPT, "the reserved bytes of a message's head are not zero");
  if (ddla_message_get(in + DIGEST_AT, NAME_AT - DIGEST_AT) != digest_of(in, bytes))
    return DDLA_FAIL(CORRUPT, "a message of %zu bytes is damaged: its digest is another one",
                     bytes);
  return DDLA_OK;
}

ddla_status ddla_message_read_head(ddla_codec_message *out, const uint8_t *in, size_t bytes) {
  const ddla_codec *codec = NULL;
  DDLA_TRY(check_whole(in, bytes));
  DDLA_TRY(read_codec(&codec, in));
  const uint64_t count = ddla_message_get(in + COUNT_AT, BLOCK_AT - COUNT_AT);
  if (count > DDLA_CODEC_COUNT_MAX)
    return DDLA_FAIL(CORRUPT, "a message of %s claims %" PRIu64 " numbers; there are at most %d",
                     codec->name, count, DDLA_CODEC_COUNT_MAX);
  *out = (ddla_codec_message){
      .codec = codec,
      .count = (int64_t)count,
      .block = (int64_t)ddla_message_get(in + BLOCK_AT, WIDTH_AT - BLOCK_AT),
      .width = (int)(ddla_message_get(in + WIDTH_AT, DDLA_CODEC_HEAD_BYTES - WIDTH_AT) & INT32_MAX),
      .body = in + DDLA_CODEC_HEAD_BYTES,
      .body_bytes = bytes - DDLA_CODEC_HEAD_BYTES};
  return DDLA_OK;
}
