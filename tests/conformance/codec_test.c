/* What every codec promises, for every row of codec_list.h: bounds of bytes and of what is lost,
 * that what is sent and what is kept add up, the same bits anywhere, and that no damaged message is
 * taken for a whole one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "codec/blocks.h"
#include "codec/loops.h"
#include "codec/message.h"

enum { MOST = 80000, FILLS = 9, GUARD = 0x5a, GUARD_BYTES = 64, OFFSETS = 3 };

static float x[MOST], was[MOST], whole[MOST];
static const int64_t counts[] = {0, 1, 2, 7, 64, 65, 256, 257, 1000, 9001, MOST};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static void fill(float *v, int64_t count, int kind, uint64_t seed) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, (uint64_t)kind, 0));
  for (int64_t i = 0; i < count; i++) {
    const float normal = ddla_rng_normal(&rng);
    switch (kind) {
    case 0: v[i] = normal * 0.01F; break;
    case 1: v[i] = ddla_rng_below(&rng, 2) ? 0.0F : -0.0F; break;
    case 2: v[i] = 1e-42F * normal; break; /* below the full numbers */
    case 3: v[i] = ldexpf(normal, (int)ddla_rng_below(&rng, 220) - 125); break;
    case 4: v[i] = i == count / 2 ? 1e30F : normal; break;
    case 5: v[i] = (i % 2 ? -1 : 1) * 0x1.fffffep126F; break; /* the largest */
    case 6: v[i] = (float)((int)ddla_rng_below(&rng, 9) - 4); break;
    case 7: v[i] = ddla_rng_below(&rng, 30) ? 0 : normal; break;
    default: v[i] = normal * ldexpf(1, -(int)(i / 300 % 30)); break;
    }
  }
}

static const ddla_codec_options kinds_of_options[] = {
    {.topk = 0.01, .block = 256, .feedback = true, .decay = 1},
    {.topk = 1, .block = 64, .feedback = true, .decay = 1},
    {.topk = 0.3, .block = 192, .feedback = true, .decay = 0.95},
    {.topk = 1e-9, .block = 65536, .feedback = true, .decay = 1},
    {.topk = 0.05, .block = 128, .feedback = true, .decay = 0.9, .momentum = 0.9}};
enum { OPTIONS = sizeof kinds_of_options / sizeof kinds_of_options[0] };

/* A message and what belongs to it. */
typedef struct trial {
  const ddla_codec *codec;
  ddla_codec_options options;
  int64_t count;
  uint8_t *message; /* with room and guards; offset 1 to 3 */
  size_t bytes, bound;
  float *residual, *velocity, *decoded;
  void *scratch;
} trial;

static trial make_trial(const ddla_codec *codec, const ddla_codec_options *options, int64_t count) {
  trial t = {.codec = codec, .options = *options, .count = count};
  if (!codec->momentum) t.options.momentum = 0;
  assert_int_equal(ddla_codec_check(codec, &t.options), DDLA_OK);
  t.bound = ddla_codec_bound(codec, count, &t.options);
  assert_int_equal(DDLA_NEW(t.message, t.bound + 2 * GUARD_BYTES), DDLA_OK);
  assert_int_equal(DDLA_NEW(t.decoded, count + 1), DDLA_OK);
  if (ddla_codec_keeps(codec, &t.options, DDLA_CODEC_RESIDUAL))
    assert_int_equal(DDLA_NEW(t.residual, count), DDLA_OK);
  if (ddla_codec_keeps(codec, &t.options, DDLA_CODEC_VELOCITY))
    assert_int_equal(DDLA_NEW(t.velocity, count), DDLA_OK);
  const size_t scratch = ddla_codec_scratch(codec, count, &t.options);
  t.scratch = ddla_alloc_array(1, scratch);
  assert_non_null(t.scratch);
  return t;
}

static void end_trial(trial *t) {
  ddla_free(t->message);
  ddla_free(t->residual);
  ddla_free(t->velocity);
  ddla_free(t->decoded);
  ddla_free(t->scratch);
}

static ddla_codec_source source_of(const trial *t, bool keeps) {
  return (ddla_codec_source){.values = x,
                             .count = t->count,
                             .options = &t->options,
                             .residual = keeps ? t->residual : NULL,
                             .velocity = keeps ? t->velocity : NULL,
                             .scratch = t->scratch};
}

/* Encodes at an odd address; nothing behind the bound may be written. */
static const uint8_t *encode(trial *t, bool keeps, int offset, const ddla_codec_loops *loops) {
  ddla_codec_source source = source_of(t, keeps);
  uint8_t *at = t->message + GUARD_BYTES + offset;
  source.loops = loops;
  memset(t->message, GUARD, t->bound + 2 * GUARD_BYTES);
  const ddla_status status = ddla_codec_encode(&t->bytes, at, t->codec, &source);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  assert_true(t->bytes <= t->bound);
  for (int i = 0; i < GUARD_BYTES; i++) assert_int_equal(at[-1 - i], GUARD);
  for (const uint8_t *p = at + t->bound; p < t->message + t->bound + 2 * GUARD_BYTES; p++)
    assert_int_equal(*p, GUARD);
  return at;
}

static ddla_codec_message decode(trial *t, const uint8_t *at) {
  ddla_codec_message message = {0};
  const ddla_status status = ddla_codec_read(&message, at, t->bytes);
  if (status != DDLA_OK) fail_msg("%s: %s", t->codec->name, ddla_status_message(status));
  assert_ptr_equal(message.codec, t->codec);
  assert_int_equal(message.count, t->count);
  t->decoded[t->count] = 77;
  memset(t->decoded, 0xff, (size_t)t->count * sizeof *t->decoded);
  ddla_codec_decode(t->decoded, &message);
  assert_true(t->decoded[t->count] == 77);
  return message;
}

/* Most that |v - decoded| may be, as docs/formats/codecs.md says, of number i of v; a codec without
 * a bound of its own here is a codec whose bound nobody tests. */
static double most_lost(const ddla_codec_message *message, const float *v, int64_t i) {
  const char *name = message->codec->name;
  const double size = fabs((double)v[i]);
  const bool is_sent = message->codec->blocks || message->entries == message->count;
  if (strcmp(name, "none") == 0) return 0;
  if (strcmp(name, "bf16") == 0) return fmax(size * 0x1p-8, 0x1p-134);
  if (strcmp(name, "fp16") == 0) return size > 65504 ? size - 65504 : fmax(size * 0x1p-11, 0x1p-25);
  if (strcmp(name, "int8") == 0 || strcmp(name, "int4") == 0 || strcmp(name, "sign") == 0) {
    const uint8_t *scale = message->body + 2 * (i / message->block);
    const double s = (double)ddla_codec_float((uint32_t)(scale[0] | scale[1] << 8) << 16);
    return strcmp(name, "sign") == 0 ? fabs(size - s) : s / 2;
  }
  if (strcmp(name, "topk") == 0) return is_sent ? 0 : size;
  if (strcmp(name, "topk2") == 0) return fmax(size, 0x1p127); /* see topk2_is_near below */
  fail_msg("%s: say how much it may lose", name);
  return 0;
}

static void check_loss(const trial *t, const ddla_codec_message *message, const float *v) {
  for (int64_t i = 0; i < t->count; i++) {
    const double lost = fabs((double)v[i] - (double)t->decoded[i]);
    assert_true(isfinite(t->decoded[i]));
    if (!(lost <= most_lost(message, v, i)))
      fail_msg("%s: number %d is %a and becomes %a", t->codec->name, (int)i, (double)v[i],
               (double)t->decoded[i]);
  }
}

/* r' = v - decoded, to the last bit; where nothing is lost in that, both add up to v again. */
static void check_kept(const trial *t, const float *v) {
  const char *name = t->codec->name;
  const bool exact = strcmp(name, "sign") != 0 && strcmp(name, "topk2") != 0;
  for (int64_t i = 0; i < t->count; i++) {
    const float kept = v[i] - t->decoded[i];
    assert_true(t->residual[i] == kept);
    if (exact && !(strcmp(name, "fp16") == 0 && fabsf(v[i]) > 65504))
      assert_true((double)t->residual[i] + (double)t->decoded[i] == (double)v[i]);
  }
}

static void check_velocity(const trial *t, const float *u, const ddla_codec_message *message) {
  int64_t sent = 0;
  for (int64_t i = 0; i < t->count; i++) {
    sent += t->velocity[i] == 0 && u[i] != 0;
    assert_true(t->velocity[i] == 0 || t->velocity[i] == u[i]);
  }
  assert_true(sent <= message->entries);
}

/* Three messages in a row, with what is kept. */
static void run_with_state(const ddla_codec *codec, const ddla_codec_options *options,
                           int64_t count, int kind) {
  static float u[MOST];
  trial t = make_trial(codec, options, count);
  const uint64_t steps = kind == 5 ? 1 : 3; /* the largest numbers have no room for a sum */
  for (uint64_t step = 0; t.residual && step < steps; step++) {
    fill(x, count, kind, step);
    const ddla_codec_source source = source_of(&t, true);
    for (int64_t i = 0; i < count; i++) {
      whole[i] = ddla_codec_mixed(&source, i);
      if (t.velocity) u[i] = (float)t.options.momentum * t.velocity[i] + x[i];
    }
    const ddla_codec_message message = decode(&t, encode(&t, true, 1, NULL));
    check_loss(&t, &message, whole);
    check_kept(&t, whole);
    if (t.velocity) check_velocity(&t, u, &message);
  }
  end_trial(&t);
}

/* One message, without state; decoding adds as it decodes. */
static void run_without(const ddla_codec *codec, const ddla_codec_options *options, int64_t count,
                        int kind) {
  ddla_codec_options plain = *options;
  plain.feedback = false;
  plain.momentum = 0;
  trial t = make_trial(codec, &plain, count);
  fill(x, count, kind, 9);
  memcpy(was, x, sizeof x);
  const ddla_codec_message message = decode(&t, encode(&t, false, 2, NULL));
  assert_memory_equal(was, x, sizeof x);
  check_loss(&t, &message, x);
  for (int64_t i = 0; i < count; i++) whole[i] = (float)(i % 17) - 8;
  ddla_codec_add(whole, &message, 0.3F);
  for (int64_t i = 0; i < count; i++) {
    const float wanted = ((float)(i % 17) - 8) + 0.3F * t.decoded[i];
    assert_true(whole[i] == wanted);
  }
  end_trial(&t);
}

static void for_all(void (*run)(const ddla_codec *, const ddla_codec_options *, int64_t, int)) {
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  for (int c = 0; c < count; c++)
    for (int o = 0; o < OPTIONS; o++)
      for (int n = 0; n < COUNTS; n++)
        for (int kind = 0; kind < FILLS; kind++) {
          if (counts[n] == MOST && kind % 3 != o % 3) continue; /* a third is enough */
          run(table[c], &kinds_of_options[o], counts[n], kind);
        }
}

static void what_is_lost_is_kept(void **state) {
  (void)state;
  for_all(run_with_state);
}

static void a_message_alone(void **state) {
  (void)state;
  for_all(run_without);
}

/* Other addresses, other processors: the same message, the same state, the same numbers. */
static void run_elsewhere(const ddla_codec *codec, const ddla_codec_options *options, int64_t count,
                          int kind) {
  static float state[2][MOST], numbers[MOST];
  static uint8_t first[8 * MOST + 4096];
  size_t first_bytes = 0;
  if (kind % 4 != 0) return;
  for (int i = 0; ddla_codec_loops_at(i); i++) {
    const ddla_codec_loops *loops = ddla_codec_loops_at(i);
    if (!loops->present()) continue;
    trial t = make_trial(codec, options, count);
    fill(x, count, kind, 4);
    const uint8_t *at = encode(&t, true, first_bytes ? 3 : 0, loops);
    ddla_codec_message message = decode(&t, at);
    message.loops = loops;
    ddla_codec_decode(t.decoded, &message);
    const size_t bytes = (size_t)count * sizeof *x;
    if (!first_bytes) {
      first_bytes = t.bytes;
      assert_true(t.bytes <= sizeof first);
      memcpy(first, at, t.bytes);
      memcpy(numbers, t.decoded, bytes);
      if (t.residual) memcpy(state[0], t.residual, bytes);
      if (t.velocity) memcpy(state[1], t.velocity, bytes);
    }
    assert_int_equal(t.bytes, first_bytes);
    assert_memory_equal(at, first, t.bytes);
    assert_memory_equal(t.decoded, numbers, bytes);
    if (t.residual) assert_memory_equal(t.residual, state[0], bytes);
    if (t.velocity) assert_memory_equal(t.velocity, state[1], bytes);
    end_trial(&t);
  }
}

static void the_same_bits_everywhere(void **state) {
  (void)state;
  for_all(run_elsewhere);
}

/* Ranges that begin at blocks decode to what the whole decodes to, where codecs go by blocks. */
static void ranges_are_as_the_whole(void **state) {
  enum { COUNT = 5000, CUT = 2048 };
  static float all[COUNT];
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  (void)state;
  for (int c = 0; c < count; c++) {
    if (!table[c]->blocks) continue;
    trial t = make_trial(table[c], &kinds_of_options[0], COUNT);
    fill(x, COUNT, 8, 1);
    decode(&t, encode(&t, false, 0, NULL));
    memcpy(all, t.decoded, sizeof all);
    end_trial(&t);
    memmove(x, x + CUT, (COUNT - CUT) * sizeof *x);
    t = make_trial(table[c], &kinds_of_options[0], COUNT - CUT);
    decode(&t, encode(&t, false, 0, NULL));
    assert_memory_equal(t.decoded, all + CUT, (COUNT - CUT) * sizeof *all);
    end_trial(&t);
  }
}

/* A code of topk2 is the nearer of its block's two levels, and the levels are means. */
static void topk2_is_near(void **state) {
  enum { COUNT = 40000 };
  const ddla_codec_options options = {.topk = 0.02, .block = 128, .feedback = true, .decay = 1};
  trial t = make_trial(ddla_codec_find("topk2"), &options, COUNT);
  (void)state;
  fill(x, COUNT, 8, 2);
  const ddla_codec_message message = decode(&t, encode(&t, false, 1, NULL));
  int64_t entry = 0;
  double least = INFINITY, squares = 0, lost = 0;
  assert_int_equal(message.entries, 800);
  for (int64_t i = 0; i < COUNT; i++) {
    if (t.decoded[i] == 0) continue;
    const uint8_t *level = message.body + 8 + 4 * (entry++ / 128);
    const double low = (double)ddla_codec_float((uint32_t)(level[0] | level[1] << 8) << 16);
    const double high = (double)ddla_codec_float((uint32_t)(level[2] | level[3] << 8) << 16);
    const double size = fabs((double)x[i]), y = fabs((double)t.decoded[i]);
    assert_true(signbit(x[i]) == signbit(t.decoded[i]));
    assert_true(fabs(size - y) <= fmin(fabs(size - low), fabs(size - high)) + 1e-9 * size);
    least = fmin(least, size);
    squares += size * size;
    lost += (size - y) * (size - y);
  }
  assert_int_equal(entry, 800);
  for (int64_t i = 0; i < COUNT; i++) /* what was not sent is not larger */
    assert_true(t.decoded[i] != 0 || fabs((double)x[i]) <= least);
  assert_true(lost < 0.06 * squares);
  end_trial(&t);
}

/* Messages stay as short as the documentation says. */
static void bytes_are_as_documented(void **state) {
  static const struct {
    const char *name;
    double bits;
  } most[] = {{"none", 32.01}, {"bf16", 16.01}, {"fp16", 16.01}, {"int8", 8.07},
              {"int4", 4.07},  {"sign", 1.07},  {"topk", 0.41},  {"topk2", 0.11}};
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  (void)state;
  assert_int_equal(count, sizeof most / sizeof most[0]);
  for (int c = 0; c < count; c++) {
    trial t = make_trial(table[c], &kinds_of_options[0], MOST);
    fill(x, MOST, 0, 3);
    encode(&t, false, 0, NULL);
    assert_string_equal(most[c].name, table[c]->name);
    assert_true(8.0 * (double)t.bytes / MOST <= most[c].bits);
    end_trial(&t);
  }
}

/* Reads bytes from memory of just that size. What is taken decodes to finite numbers. */
static ddla_status read_exactly(const uint8_t *in, size_t bytes, int64_t most) {
  static float to[4096];
  uint8_t *exact = NULL;
  ddla_codec_message message = {.count = -1};
  assert_int_equal(DDLA_NEW(exact, bytes), DDLA_OK);
  if (bytes > 0) memcpy(exact, in, bytes);
  const ddla_status status = ddla_codec_read(&message, exact, bytes);
  if (status == DDLA_OK && message.count <= most) {
    ddla_codec_decode(to, &message);
    for (int64_t i = 0; i < message.count; i++) assert_true(isfinite(to[i]));
  }
  if (status != DDLA_OK) assert_int_equal(message.count, -1);
  ddla_free(exact);
  return status;
}

/* Cut off, gone on, and with every bit turned over in turn: all of it is noticed. Sealed anew, it
 * may be a message, but one of finite numbers. */
static void damage(const ddla_codec *codec, const ddla_codec_options *options, int64_t count) {
  trial t = make_trial(codec, options, count);
  fill(x, count, 0, 6);
  uint8_t *at = t.message + (encode(&t, false, 0, NULL) - t.message);
  for (size_t cut = 0; cut < t.bytes; cut++) {
    const ddla_status status = read_exactly(at, cut, 4096);
    assert_int_equal(status, DDLA_CORRUPT);
    assert_true(strlen(ddla_status_message(status)) > 20);
  }
  at[t.bytes] = 0;
  assert_int_equal(read_exactly(at, t.bytes + 1, 4096), DDLA_CORRUPT);
  for (size_t other = DDLA_CODEC_HEAD_BYTES; other <= t.bytes + 1; other++) {
    ddla_message_seal(at, other);
    assert_int_equal(read_exactly(at, other, 4096), other == t.bytes ? DDLA_OK : DDLA_CORRUPT);
  }
  ddla_message_seal(at, t.bytes);
  for (size_t bit = 0; bit < 8 * t.bytes; bit++) {
    const uint8_t flip = (uint8_t)(1U << bit % 8);
    at[bit / 8] ^= flip;
    assert_int_not_equal(read_exactly(at, t.bytes, 4096), DDLA_OK);
    ddla_message_seal(at, t.bytes);
    (void)read_exactly(at, t.bytes, 4096);
    at[bit / 8] ^= flip;
    ddla_message_seal(at, t.bytes);
  }
  assert_int_equal(read_exactly(at, t.bytes, 4096), DDLA_OK);
  end_trial(&t);
}

static void damaged_messages_are_refused(void **state) {
  int count = 0;
  const ddla_codec *const *table = ddla_codec_table(&count);
  (void)state;
  for (int c = 0; c < count; c++)
    for (int o = 0; o < OPTIONS; o++) {
      ddla_codec_options options = kinds_of_options[o];
      options.feedback = false;
      options.momentum = 0;
      damage(table[c], &options, 1);
      damage(table[c], &options, 70);
      damage(table[c], &options, 301);
    }
}

/* Numbers that no encoder makes, each with the words that refuse them. */
static void refuses(const char *name, size_t at, const char *bytes, size_t length,
                    const char *words) {
  const ddla_codec_options options = {.topk = 0.1, .block = 64, .decay = 1};
  trial t = make_trial(ddla_codec_find(name), &options, 69);
  fill(x, 69, 6, 6);
  uint8_t *message = t.message + (encode(&t, false, 0, NULL) - t.message);
  assert_true(at + length <= t.bytes);
  memcpy(message + at, bytes, length);
  ddla_message_seal(message, t.bytes);
  const ddla_status status = read_exactly(message, t.bytes, 4096);
  if (status == DDLA_OK) fail_msg("%s took %s", name, words);
  if (!strstr(ddla_status_message(status), words))
    fail_msg("%s: '%s' instead of '%s'", name, ddla_status_message(status), words);
  end_trial(&t);
}

static void what_no_encoder_makes_is_refused(void **state) {
  enum { BODY = DDLA_CODEC_HEAD_BYTES };
  (void)state;
  refuses("none", 0, "ddlx", 4, "do not begin with");
  refuses("none", 4, "\2", 1, "knows up to 1");
  refuses("none", 4, "\0", 1, "version 0");
  refuses("none", 6, "\1", 1, "reserved");
  refuses("none", 16, "nine", 4, "'nine'");
  refuses("none", 16, "none\0x", 6, "after its end");
  refuses("none", 24, "\0\0\0\200", 4, "at most");
  refuses("none", 24, "\106", 1, "need 280");
  refuses("none", 32, "\100", 1, "blocks of 64");
  refuses("none", 36, "\1", 1, "gaps");
  refuses("none", BODY + 4 * 68, "\0\0\200\177", 4, "block 0 of a message of none has a number");
  refuses("bf16", BODY, "\1\377", 2, "above 2^127");
  refuses("fp16", BODY + 2 * 5, "\0\374", 2, "not finite");
  refuses("int8", 32, "\101", 1, "blocks of 65");
  refuses("int8", BODY, "\0\200", 2, "scale");
  refuses("int8", BODY + 2, "\0\177", 2, "block 1 of a message of int8 has a scale");
  refuses("int8", BODY + 4 + 66, "\200", 1, "-128");
  refuses("int4", BODY + 4 + 3, "\200", 1, "-8");
  refuses("int4", BODY + 4 + 34, "\20", 1, "behind its last number");
  refuses("sign", BODY + 4 + 8, "\40", 1, "behind its last number");
  refuses("topk", 32, "\100", 1, "blocks");
  refuses("topk", 36, "\100", 1, "lower bits");
  refuses("topk", BODY, "\0", 1, "claims to have 0");
  refuses("topk", BODY, "\200", 1, "claims to have 128");
  refuses("topk", BODY, "\25", 1, "ends after");
  refuses("topk", BODY + 8, "\0\0\300\177", 4, "2^127");
  refuses("topk", BODY + 8 + 28, "\377\377", 2, "cut off");
  refuses("topk2", 32, "\0", 1, "blocks of 0");
  refuses("topk2", BODY + 8, "\0\100\0\77", 4, "levels");
  refuses("topk2", BODY + 8, "\0\0\200\177", 4, "levels");
  refuses("topk2", BODY + 8 + 4 + 1, "\300", 1, "behind its last number");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_alone),
      cmocka_unit_test(what_is_lost_is_kept),
      cmocka_unit_test(the_same_bits_everywhere),
      cmocka_unit_test(ranges_are_as_the_whole),
      cmocka_unit_test(topk2_is_near),
      cmocka_unit_test(bytes_are_as_documented),
      cmocka_unit_test(damaged_messages_are_refused),
      cmocka_unit_test(what_no_encoder_makes_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
