/* Messages of codecs, as they come and, so that the digest does not stand in the way, sealed anew.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "codec/message.h"
#include "fuzz.h"

static void decode(const uint8_t *data, size_t bytes) {
  enum { MOST = 1 << 20 };
  ddla_codec_message message = {.count = -1};
  float *to = NULL;
  if (ddla_codec_read(&message, data, bytes) != DDLA_OK) {
    FUZZ_CHECK(message.count == -1);
    return;
  }
  FUZZ_CHECK(message.count >= 0 && message.count <= DDLA_CODEC_COUNT_MAX);
  if (message.count > MOST || DDLA_NEW(to, message.count) != DDLA_OK) return;
  ddla_codec_decode(to, &message);
  for (int64_t i = 0; i < message.count; i++) FUZZ_CHECK(isfinite(to[i]));
  ddla_codec_add(to, &message, -1);
  for (int64_t i = 0; i < message.count; i++) FUZZ_CHECK(to[i] == 0);
  ddla_free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  uint8_t *sealed = NULL;
  decode(data, bytes);
  if (bytes < DDLA_CODEC_HEAD_BYTES || DDLA_NEW(sealed, bytes) != DDLA_OK) return 0;
  memcpy(sealed, data, bytes);
  ddla_message_seal(sealed, bytes);
  decode(sealed, bytes);
  ddla_free(sealed);
  return 0;
}
