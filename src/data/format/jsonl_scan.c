#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/format/csv.h"
#include "data/format/jsonl.h"

enum { NUMBER_BYTES_MAX = 127, FOUND_BYTES = 128 };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static void skip_blanks(ddla_jsonl_cursor *cursor) {
  while (cursor->at < cursor->end && is_blank(*cursor->at)) cursor->at++;
}

ddla_jsonl_cursor ddla_jsonl_start(const char *bytes, size_t length) {
  return (ddla_jsonl_cursor){.begin = bytes, .at = bytes, .end = bytes + length};
}

ddla_jsonl_kind ddla_jsonl_peek(ddla_jsonl_cursor *cursor) {
  skip_blanks(cursor);
  if (cursor->at == cursor->end) return DDLA_JSONL_END;
  switch (*cursor->at) {
  case '"': return DDLA_JSONL_TEXT;
  case '[': return DDLA_JSONL_ARRAY;
  case '{': return DDLA_JSONL_OBJECT;
  default:
    return *cursor->at == '-' || is_digit(*cursor->at) ? DDLA_JSONL_NUMBER : DDLA_JSONL_OTHER;
  }
}

bool ddla_jsonl_take(ddla_jsonl_cursor *cursor, char mark) {
  skip_blanks(cursor);
  if (cursor->at == cursor->end || *cursor->at != mark) return false;
  cursor->at++;
  return true;
}

/* The word, number or single character at the cursor, in quotes. */
static ddla_text_quoted excerpt(const ddla_jsonl_cursor *cursor) {
  char text[32] = "";
  size_t used = 0;
  const char *at = cursor->at;
  while (at < cursor->end && used + 1 < sizeof text &&
         (is_letter(*at) || is_digit(*at) || *at == '.' || *at == '-' || *at == '+'))
    text[used++] = *at++;
  if (used == 0) /* a whole character of UTF-8 */
    do text[used++] = *at++;
    while (at < cursor->end && used < 4 && ((unsigned char)*at & 0xC0) == 0x80);
  return ddla_text_quote(text);
}

static void describe(char out[FOUND_BYTES], ddla_jsonl_cursor cursor) {
  static const char *const words[] = {[DDLA_JSONL_END] = "the end of the line",
                                      [DDLA_JSONL_TEXT] = "a text",
                                      [DDLA_JSONL_ARRAY] = "an array",
                                      [DDLA_JSONL_OBJECT] = "an object"};
  const ddla_jsonl_kind kind = ddla_jsonl_peek(&cursor);
  if (kind == DDLA_JSONL_NUMBER || kind == DDLA_JSONL_OTHER)
    snprintf(out, FOUND_BYTES, "%s%s", kind == DDLA_JSONL_NUMBER ? "the number " : "",
             excerpt(&cursor).text);
  else snprintf(out, FOUND_BYTES, "%s", words[kind]);
}

static long long byte_of(const ddla_jsonl_cursor *cursor) {
  return (long long)(cursor->at - cursor->begin) + 1;
}

ddla_status ddla_jsonl_refuse(const ddla_jsonl_cursor *cursor, const char *expected) {
  char found[FOUND_BYTES];
  ddla_jsonl_cursor there = *cursor;
  skip_blanks(&there);
  describe(found, there);
  return DDLA_FAIL(INVALID, "byte %lld: found %s; expected %s", byte_of(&there), found, expected);
}

ddla_status ddla_jsonl_expect(ddla_jsonl_cursor *cursor, char mark) {
  const char expected[] = {'\'', mark, '\'', '\0'};
  return ddla_jsonl_take(cursor, mark) ? DDLA_OK : ddla_jsonl_refuse(cursor, expected);
}

/* Where a text is written to; behind `room` it is only counted. */
typedef struct sink {
  char *out;
  size_t room, used;
} sink;

static void put(sink *to, const char *bytes, size_t count) {
  if (to->out && to->used + count <= to->room) memcpy(to->out + to->used, bytes, count);
  to->used += count;
}

static void put_code(sink *to, uint32_t code) {
  static const unsigned char heads[] = {0, 0xC0, 0xE0, 0xF0};
  const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  char bytes[4];
  bytes[0] = (char)(heads[more] | code >> (6 * more));
  for (int i = 1; i <= more; i++) bytes[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3F));
  put(to, bytes, (size_t)more + 1);
}

/* The four digits behind \u. */
static bool read_hex(uint32_t *out, ddla_jsonl_cursor *cursor) {
  uint32_t value = 0;
  if (cursor->end - cursor->at < 4) return false;
  for (int i = 0; i < 4; i++) {
    const char c = cursor->at[i];
    const int digit = is_digit(c)            ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    value = value << 4 | (uint32_t)digit;
  }
  cursor->at += 4;
  *out = value;
  return true;
}

/* A code point of one or, beyond 16 bits, two escapes (RFC 8259, section 7). */
static bool read_code(sink *to, ddla_jsonl_cursor *cursor) {
  uint32_t code = 0, low = 0;
  if (!read_hex(&code, cursor)) return false;
  if (code >= 0xD800 && code < 0xDC00) {
    if (cursor->end - cursor->at < 2 || memcmp(cursor->at, "\\u", 2) != 0) return false;
    cursor->at += 2;
    if (!read_hex(&low, cursor) || low < 0xDC00 || low > 0xDFFF) return false;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code >= 0xDC00 && code < 0xE000) {
    return false;
  }
  if (code == 0) return false; /* would end the text */
  put_code(to, code);
  return true;
}

/* The cursor stands behind the backslash. */
static ddla_status read_escape(sink *to, ddla_jsonl_cursor *cursor) {
  static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  const ddla_jsonl_cursor start = *cursor;
  const char *known = cursor->at < cursor->end && *cursor->at ? strchr(letters, *cursor->at) : NULL;
  if (known) {
    cursor->at++;
    put(to, meanings + (known - letters), 1);
    return DDLA_OK;
  }
  if (cursor->at < cursor->end && *cursor->at == 'u') {
    cursor->at++;
    if (read_code(to, cursor)) return DDLA_OK;
  }
  return DDLA_FAIL(
      INVALID,
      "byte %lld: a broken escape in a text; expected one of \\\" \\\\ \\/ \\b \\f \\n "
      "\\r \\t \\uXXXX, of a character other than zero",
      byte_of(&start));
}

/* Passes a text on to the sink. */
static ddla_status read_text(sink *to, ddla_jsonl_cursor *cursor) {
  if (!ddla_jsonl_take(cursor, '"')) return ddla_jsonl_refuse(cursor, "a text in quotes");
  const ddla_jsonl_cursor start = *cursor;
  for (;;) {
    const char *from = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"' && *cursor->at != '\\' &&
           (unsigned char)*cursor->at >= ' ')
      cursor->at++;
    put(to, from, (size_t)(cursor->at - from));
    if (cursor->at == cursor->end)
      return DDLA_FAIL(INVALID, "byte %lld: a text that is not closed; expected '\"'",
                       byte_of(&start) - 1);
    const char mark = *cursor->at;
    if (mark != '"' && mark != '\\')
      return DDLA_FAIL(INVALID,
                       "byte %lld: a bare control character (0x%02x) in a text; expected "
                       "an escape such as \\t",
                       byte_of(cursor), (unsigned char)mark);
    cursor->at++;
    if (mark == '"') return DDLA_OK;
    DDLA_TRY(read_escape(to, cursor));
  }
}

ddla_status ddla_jsonl_text(char *out, size_t room, ddla_jsonl_cursor *cursor) {
  sink to = {.out = out, .room = room - 1};
  skip_blanks(cursor);
  const long long place = byte_of(cursor);
  DDLA_TRY(read_text(&to, cursor));
  if (to.used > to.room)
    return DDLA_FAIL(INVALID, "byte %lld: a text of %zu bytes; expected at most %zu", place,
                     to.used, to.room);
  out[to.used] = '\0';
  return DDLA_OK;
}

static const char *skip_digits(const char *at, const char *end) {
  while (at < end && is_digit(*at)) at++;
  return at;
}

/* End of the number at `at` by the grammar of JSON; null if there is none. */
static const char *number_end(bool *whole, const char *at, const char *end) {
  if (at < end && *at == '-') at++;
  const char *digits = at;
  at = skip_digits(at, end);
  if (at == digits || (*digits == '0' && at - digits > 1)) return NULL;
  *whole = true;
  if (at < end && *at == '.') {
    const char *from = at + 1;
    at = skip_digits(from, end);
    if (at == from) return NULL;
    *whole = false;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    const char *from = at + 1;
    if (from < end && (*from == '-' || *from == '+')) from++;
    at = skip_digits(from, end);
    if (at == from) return NULL;
    *whole = false;
  }
  return at < end && (is_letter(*at) || *at == '.') ? NULL : at;
}

ddla_status ddla_jsonl_number(float *out, bool *whole, ddla_jsonl_cursor *cursor) {
  bool is_whole = false;
  skip_blanks(cursor);
  const char *stop = number_end(&is_whole, cursor->at, cursor->end);
  if (!stop) return ddla_jsonl_refuse(cursor, "a finite decimal number");
  const ddla_csv_field field = {.text = cursor->at, .length = (size_t)(stop - cursor->at)};
  if (field.length > NUMBER_BYTES_MAX)
    return DDLA_FAIL(INVALID, "byte %lld: a number of %zu characters; expected at most %d",
                     byte_of(cursor), field.length, NUMBER_BYTES_MAX);
  if (!ddla_csv_number(out, &field))
    return ddla_jsonl_refuse(cursor, "a number within the range of float32");
  if (whole) *whole = is_whole;
  cursor->at = stop;
  return DDLA_OK;
}

ddla_status ddla_jsonl_class(char *out, size_t room, ddla_jsonl_cursor *cursor) {
  const ddla_jsonl_kind kind = ddla_jsonl_peek(cursor);
  const ddla_jsonl_cursor start = *cursor;
  float value = 0;
  bool whole = false;
  if (kind == DDLA_JSONL_TEXT) return ddla_jsonl_text(out, room, cursor);
  if (kind == DDLA_JSONL_NUMBER) DDLA_TRY(ddla_jsonl_number(&value, &whole, cursor));
  const size_t length = (size_t)(cursor->at - start.at);
  if (!whole || length >= room)
    return ddla_jsonl_refuse(&start, "a class as a whole number or a name");
  memcpy(out, start.at, length);
  out[length] = '\0';
  return DDLA_OK;
}

/* true, false, null and numbers, which may be any as nobody reads them. */
static ddla_status skip_scalar(ddla_jsonl_cursor *cursor) {
  static const char *const words[] = {"true", "false", "null"};
  bool whole = false;
  const size_t left = (size_t)(cursor->end - cursor->at);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    const size_t length = strlen(words[i]);
    if (left < length || memcmp(cursor->at, words[i], length) != 0) continue;
    if (left > length && (is_letter(cursor->at[length]) || is_digit(cursor->at[length]))) continue;
    cursor->at += length;
    return DDLA_OK;
  }
  const char *stop = number_end(&whole, cursor->at, cursor->end);
  if (!stop) return ddla_jsonl_refuse(cursor, "a value");
  cursor->at = stop;
  return DDLA_OK;
}

static ddla_status skip_text(ddla_jsonl_cursor *cursor) {
  sink nowhere = {.room = 0};
  return read_text(&nowhere, cursor);
}

/* A level's first or next value, or its end: *inside tells whether a value follows. */
static ddla_status enter(bool *inside, ddla_jsonl_cursor *cursor, char closing, bool first) {
  *inside = false;
  if (ddla_jsonl_take(cursor, closing)) return DDLA_OK;
  if (!first && !ddla_jsonl_take(cursor, ','))
    return ddla_jsonl_refuse(cursor, closing == ']' ? "',' or ']'" : "',' or '}'");
  *inside = true;
  if (closing == ']') return DDLA_OK;
  DDLA_TRY(skip_text(cursor));
  return ddla_jsonl_expect(cursor, ':');
}

ddla_status ddla_jsonl_skip(ddla_jsonl_cursor *cursor) {
  char closing[DDLA_JSONL_DEPTH_MAX];
  int depth = 0;
  bool opened = false; /* the innermost level has had no value yet */
  do {
    bool inside = true;
    if (depth > 0) DDLA_TRY(enter(&inside, cursor, closing[depth - 1], opened));
    opened = false;
    if (!inside) {
      depth--;
      continue;
    }
    const ddla_jsonl_kind kind = ddla_jsonl_peek(cursor);
    if (kind == DDLA_JSONL_ARRAY || kind == DDLA_JSONL_OBJECT) {
      if (depth == DDLA_JSONL_DEPTH_MAX)
        return DDLA_FAIL(INVALID, "byte %lld: more than %d arrays and objects in each other",
                         byte_of(cursor), DDLA_JSONL_DEPTH_MAX);
      closing[depth++] = kind == DDLA_JSONL_ARRAY ? ']' : '}';
      cursor->at++;
      opened = true;
    } else if (kind == DDLA_JSONL_TEXT) {
      DDLA_TRY(skip_text(cursor));
    } else {
      DDLA_TRY(skip_scalar(cursor));
    }
  } while (depth > 0);
  return DDLA_OK;
}

ddla_status ddla_jsonl_next_key(bool *more, char key[DDLA_JSONL_KEY_BYTES],
                                ddla_jsonl_cursor *cursor, bool first) {
  *more = false;
  if (ddla_jsonl_take(cursor, '}')) return DDLA_OK;
  if (!first && !ddla_jsonl_take(cursor, ',')) return ddla_jsonl_refuse(cursor, "',' or '}'");
  if (ddla_jsonl_peek(cursor) != DDLA_JSONL_TEXT)
    return ddla_jsonl_refuse(cursor, "a key in quotes");
  sink to = {.out = key, .room = DDLA_JSONL_KEY_BYTES - 1};
  DDLA_TRY(read_text(&to, cursor));
  key[to.used <= to.room ? to.used : 0] = '\0';
  *more = true;
  return ddla_jsonl_expect(cursor, ':');
}

ddla_status ddla_jsonl_finish(ddla_jsonl_cursor *cursor) {
  if (ddla_jsonl_peek(cursor) == DDLA_JSONL_END) return DDLA_OK;
  return ddla_jsonl_refuse(cursor, "nothing after the object");
}
