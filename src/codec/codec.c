#include "codec/codec.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "codec/loops.h"
#include "codec/message.h"

#define DDLA_CODEC(name) extern const ddla_codec ddla_codec_##name;
#include "codec/codec_list.h"
#undef DDLA_CODEC

static const ddla_codec *const table[] = {
#define DDLA_CODEC(name) &ddla_codec_##name,
#include "codec/codec_list.h"
#undef DDLA_CODEC
};

const ddla_codec *const *ddla_codec_table(int *count) {
  *count = (int)(sizeof table / sizeof table[0]);
  return table;
}

const ddla_codec *ddla_codec_find(const char *name) {
  int count = 0;
  const ddla_codec *const *rows = ddla_codec_table(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  return NULL;
}

ddla_codec_options ddla_codec_defaults(void) {
  return (ddla_codec_options){.topk = 0.01, .block = 256, .feedback = true, .decay = 1};
}

ddla_status ddla_codec_check(const ddla_codec *codec, const ddla_codec_options *options) {
  const int64_t block = options->block;
  if (!ddla_message_is_native())
    return DDLA_FAIL(UNSUPPORTED, "codecs are for little-endian machines, and this is none");
  if (!(options->topk > 0 && options->topk <= 1))
    return DDLA_FAIL(INVALID, "topk is %g; it must be above 0 and at most 1", options->topk);
  if (block < DDLA_CODEC_BLOCK_MIN || block > DDLA_CODEC_BLOCK_MAX || block % 64 != 0)
    return DDLA_FAIL(INVALID, "block is %" PRId64 "; it must be a multiple of 64 from %d to %d",
                     block, DDLA_CODEC_BLOCK_MIN, DDLA_CODEC_BLOCK_MAX);
  if (!(options->decay > 0 && options->decay <= 1))
    return DDLA_FAIL(INVALID, "decay is %g; it must be above 0 and at most 1", options->decay);
  if (!(options->momentum >= 0 && options->momentum < 1))
    return DDLA_FAIL(INVALID, "momentum is %g; it must be at least 0 and below 1",
                     options->momentum);
  if (options->momentum > 0 && !codec->momentum)
    return DDLA_FAIL(INVALID, "momentum is %g; the codec %s has none, so it must be 0",
                     options->momentum, codec->name);
  if (options->momentum > 0 && !options->feedback)
    return DDLA_FAIL(INVALID, "momentum is %g; it needs feedback", options->momentum);
  return DDLA_OK;
}

bool ddla_codec_keeps(const ddla_codec *codec, const ddla_codec_options *options,
                      ddla_codec_state state) {
  if (codec->lossless || !options->feedback) return false;
  return state == DDLA_CODEC_RESIDUAL || options->momentum > 0;
}

const char *ddla_codec_state_name(ddla_codec_state state) {
  static const char *const names[DDLA_CODEC_STATES] = {"residual", "velocity"};
  return names[state];
}

size_t ddla_codec_bound(const ddla_codec *codec, int64_t count, const ddla_codec_options *options) {
  return DDLA_CODEC_HEAD_BYTES + codec->bound(codec, count, options);
}

size_t ddla_codec_scratch(const ddla_codec *codec, int64_t count,
                          const ddla_codec_options *options) {
  return codec->scratch ? codec->scratch(count, options) : 0;
}

/* Before anything changes: numbers that are too large or none at all. */
static ddla_status check_values(const ddla_codec_source *source) {
  enum { STEP = 4096 };
  for (int64_t at = 0; at < source->count; at += STEP) {
    const int64_t left = source->count - at, n = left < STEP ? left : STEP;
    if (source->loops->largest_mixed(source, at, n) < DDLA_CODEC_LIMIT) continue;
    int64_t bad = at;
    while (ddla_codec_magnitude(ddla_codec_mixed(source, bad)) < DDLA_CODEC_LIMIT) bad++;
    return DDLA_FAIL(INVALID, "number %" PRId64 " of %" PRId64 " is %g%s; it must be below 2^127",
                     bad, source->count, (double)ddla_codec_mixed(source, bad),
                     source->residual ? " with what was left out before" : "");
  }
  return DDLA_OK;
}

ddla_status ddla_codec_encode(size_t *bytes, uint8_t *out, const ddla_codec *codec,
                              const ddla_codec_source *source) {
  ddla_codec_source whole = *source;
  if (!whole.loops) whole.loops = ddla_codec_loops_best();
  DDLA_ASSERT(whole.count >= 0 && whole.count <= DDLA_CODEC_COUNT_MAX);
  DDLA_ASSERT(!whole.residual || !codec->lossless);
  DDLA_ASSERT(!whole.velocity || (whole.residual && codec->momentum));
  DDLA_ASSERT(whole.scratch || ddla_codec_scratch(codec, whole.count, whole.options) == 0);
  DDLA_TRY(check_values(&whole));
  ddla_codec_message message = {.codec = codec, .count = whole.count, .loops = whole.loops};
  const size_t body_bytes = codec->encode(out + DDLA_CODEC_HEAD_BYTES, &message, &whole);
  ddla_message_write_head(out, &message, DDLA_CODEC_HEAD_BYTES + body_bytes);
  *bytes = DDLA_CODEC_HEAD_BYTES + body_bytes;
  return DDLA_OK;
}

ddla_status ddla_codec_read(ddla_codec_message *out, const uint8_t *in, size_t bytes) {
  ddla_codec_message message = {0};
  if (!ddla_message_is_native())
    return DDLA_FAIL(UNSUPPORTED, "codecs are for little-endian machines, and this is none");
  DDLA_TRY(ddla_message_read_head(&message, in, bytes));
  message.loops = ddla_codec_loops_best();
  DDLA_TRY(message.codec->check(&message));
  *out = message;
  return DDLA_OK;
}

void ddla_codec_decode(float *to, const ddla_codec_message *message) {
  message->codec->put(to, message, NULL);
}

void ddla_codec_add(float *to, const ddla_codec_message *message, float factor) {
  message->codec->put(to, message, &factor);
}

ddla_status ddla_codec_decode_bytes(float *to, int64_t count, const uint8_t *in, size_t bytes) {
  ddla_codec_message message = {0};
  DDLA_TRY(ddla_codec_read(&message, in, bytes));
  if (message.count != count)
    return DDLA_FAIL(INVALID, "a message of %s has %" PRId64 " numbers instead of %" PRId64,
                     message.codec->name, message.count, count);
  ddla_codec_decode(to, &message);
  return DDLA_OK;
}
