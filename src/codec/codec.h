/* Codecs: how an update travels between agents. An update is an array of fp32 numbers, a gradient
 * or a difference of parameters; a codec makes a message of it, bytes that say themselves what they
 * are (docs/formats/codecs.md), and a message becomes numbers again. One file and one row of
 * codec_list.h each.
 *
 * What a message leaves out is kept (error feedback). With state kept for each number from message
 * to message, a message is made of
 *
 *   u' = momentum * u + x          velocity, only with momentum (Lin et al. 2018, DGC)
 *   v  = decay * r + u'            u' is x without momentum; r: the residual
 *   r' = v - decode(message)
 *
 * and u' becomes 0 where a sparse codec has sent a number. The state belongs to the caller: one for
 * each agent and each array, zero at first, saved in checkpoints under ddla_codec_state_name.
 *
 * Numbers. A codec takes numbers below 2^127 in magnitude and refuses an array with others, naming
 * the first: one that large is as broken as an infinite one. So every message decodes to finite
 * numbers, and a reader refuses one that would not.
 *
 * Bits. A message is a function of numbers, state and options alone: not of addresses, instruction
 * set or thread. Ranges of an array that are encoded apart give other messages than the whole; how
 * to cut is the caller's matter, and must be the same on all agents.
 *
 * Threads: plain functions on memory of the caller; nothing is allocated. */
#ifndef DDLA_CODEC_CODEC_H
#define DDLA_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* An array has less than 2^31 numbers; longer ones are cut. A head stands before every message. */
#define DDLA_CODEC_COUNT_MAX INT32_MAX
enum { DDLA_CODEC_HEAD_BYTES = 40, DDLA_CODEC_BLOCK_MIN = 64, DDLA_CODEC_BLOCK_MAX = 65536 };

struct ddla_codec;
struct ddla_codec_loops;

/* What is kept for each number between messages: fp32 arrays of the update's length. */
typedef enum ddla_codec_state {
  DDLA_CODEC_RESIDUAL,
  DDLA_CODEC_VELOCITY,
  DDLA_CODEC_STATES
} ddla_codec_state;

/* Options of all codecs; each reads its own. ddla_codec_defaults fills them. */
typedef struct ddla_codec_options {
  double topk;     /* topk, topk2: share of the numbers that is sent, above 0 to 1 */
  int64_t block;   /* int8, int4, sign: numbers with a common scale; topk2: sent numbers with common
                      levels; a multiple of 64 from 64 to 65536 */
  bool feedback;   /* keep what a message leaves out */
  double decay;    /* of the residual, above 0 to 1; 1: nothing is forgotten */
  double momentum; /* topk, topk2, with feedback: 0 to below 1 */
} ddla_codec_options;

/* What is encoded. State arrays are null where none is kept, see ddla_codec_keeps; no arrays
 * overlap. */
typedef struct ddla_codec_source {
  const float *values;               /* [count] */
  int64_t count;                     /* 0 to DDLA_CODEC_COUNT_MAX */
  const ddla_codec_options *options; /* ddla_codec_check has found them right */
  float *residual;                   /* [count] or null */
  float *velocity;                   /* [count] or null; only with a residual */
  void *scratch; /* of ddla_codec_scratch bytes, aligned to 8 bytes; null where these are 0 */
  const struct ddla_codec_loops *loops; /* null, the best that this machine can run, but for tests
                                         */
} ddla_codec_source;

/* A message that was read: all of it was found right. A view of the bytes that it was read from. */
typedef struct ddla_codec_message {
  const struct ddla_codec *codec;
  int64_t count;       /* numbers that it decodes to */
  int64_t block;       /* of the options; 0 where the codec has none */
  int64_t entries;     /* sparse codecs: numbers that were sent */
  int width;           /* sparse codecs: bits of the lower part of a gap */
  const uint8_t *body; /* behind the head */
  size_t body_bytes;
  const struct ddla_codec_loops *loops; /* as in a source */
} ddla_codec_message;

/* A codec. Callers go through the functions below, which look at arguments and heads. */
typedef struct ddla_codec {
  const char *name; /* at most 8 bytes; stands in messages */
  const char *help;
  int version;   /* of its messages' bodies; a reader takes this one and older ones */
  bool lossless; /* keeps no state */
  bool momentum; /* takes the option momentum */
  const struct ddla_codec_blocks *blocks; /* the codecs of blocks.h; else null */
  /* Most bytes of a body. */
  size_t (*bound)(const struct ddla_codec *codec, int64_t count, const ddla_codec_options *options);
  /* Bytes of scratch memory; null: none. */
  size_t (*scratch)(int64_t count, const ddla_codec_options *options);
  /* Writes the body, moves the state on, fills block, entries and width of the message; returns
   * bytes. Everything in the source was looked at before. */
  size_t (*encode)(uint8_t *body, ddla_codec_message *message, const ddla_codec_source *source);
  /* Looks at all of a body, and fills entries. Errors: CORRUPT. */
  ddla_status (*check)(ddla_codec_message *message);
  /* to = numbers, or to += *factor * numbers where factor is not null. The body was checked. */
  void (*put)(float *to, const ddla_codec_message *message, const float *factor);
} ddla_codec;

/* The table; count in *count. Borrowed for ever. */
const ddla_codec *const *ddla_codec_table(int *count);

/* Codec by name ("int8", "topk"), or null. */
const ddla_codec *ddla_codec_find(const char *name);

/* topk 0.01, block 256, feedback, decay 1, momentum 0. */
ddla_codec_options ddla_codec_defaults(void);

/* Errors: INVALID naming the option, its value and its range; momentum where the codec has none or
 * nothing is kept. UNSUPPORTED: this machine is not little-endian. */
ddla_status ddla_codec_check(const ddla_codec *codec, const ddla_codec_options *options);

/* Whether this state is kept with these options, and its name in checkpoints, borrowed for ever. */
bool ddla_codec_keeps(const ddla_codec *codec, const ddla_codec_options *options,
                      ddla_codec_state state);
const char *ddla_codec_state_name(ddla_codec_state state);

/* Most bytes of a message of count numbers, and bytes of scratch memory for making it. */
size_t ddla_codec_bound(const ddla_codec *codec, int64_t count, const ddla_codec_options *options);
size_t ddla_codec_scratch(const ddla_codec *codec, int64_t count,
                          const ddla_codec_options *options);

/* Makes a message in `out`, which has room for ddla_codec_bound bytes. On failure the state is what
 * it was. Errors: INVALID (a number, or what its state makes of it, is NaN or 2^127 or above). */
ddla_status ddla_codec_encode(size_t *bytes, uint8_t *out, const ddla_codec *codec,
                              const ddla_codec_source *source);

/* Reads a message of untrusted bytes. A digest finds damage; and whatever others have sealed, what
 * is taken decodes to finite numbers within the array. Errors: CORRUPT (damaged, with words),
 * UNSUPPORTED (a codec or version that is not known here). */
ddla_status ddla_codec_read(ddla_codec_message *out, const uint8_t *in, size_t bytes);

/* to[message->count] = the numbers of a message; to += factor * the numbers. */
void ddla_codec_decode(float *to, const ddla_codec_message *message);
void ddla_codec_add(float *to, const ddla_codec_message *message, float factor);

/* Both at once, for a message that should have count numbers. Errors: as read; INVALID (another
 * count); `to` is then what it was. */
ddla_status ddla_codec_decode_bytes(float *to, int64_t count, const uint8_t *in, size_t bytes);

#endif
