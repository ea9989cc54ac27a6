#include "base/text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUOTE_MAX = 60, WORD_MAX = 63, FAR = 64 };

/* Length of the well-formed UTF-8 sequence at p, or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t left) {
  if (p[0] < 0x80) return 1;
  size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  if (p[0] < 0xC2 || p[0] > 0xF4 || left < length) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
  bool surrogate = p[0] == 0xED && p[1] > 0x9F;
  bool beyond = p[0] == 0xF4 && p[1] > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

size_t ddla_text_utf8_end(const char *text, size_t bytes) {
  const unsigned char *p = (const unsigned char *)text;
  size_t at = 0;
  while (at < bytes) {
    uint64_t eight = 0; /* at once, as nearly all of a text is ASCII */
    if (bytes - at >= sizeof eight) memcpy(&eight, p + at, sizeof eight);
    if (bytes - at >= sizeof eight && (eight & 0x8080808080808080) == 0) {
      at += sizeof eight;
      continue;
    }
    size_t length = utf8_sequence(p + at, bytes - at);
    if (length == 0) return at;
    at += length;
  }
  return bytes;
}

ddla_text_quoted ddla_text_quote(const char *text) {
  ddla_text_quoted out = {0};
  size_t bytes = strlen(text), at = 0, used = 0;
  out.text[used++] = '\'';
  while (at < bytes) {
    size_t length = utf8_sequence((const unsigned char *)text + at, bytes - at);
    if (used + length > QUOTE_MAX) {
      memcpy(out.text + used, "...", 3);
      used += 3;
      break;
    }
    bool plain = length > 1 || (length == 1 && (unsigned char)text[at] >= ' ' && text[at] != 0x7F);
    if (length == 0) length = 1;
    if (plain) memcpy(out.text + used, text + at, length);
    if (!plain) out.text[used] = '?';
    used += plain ? length : 1;
    at += length;
  }
  out.text[used++] = '\'';
  return out;
}

bool ddla_text_to_int(int64_t *out, const char *text) {
  const char *digits = text + (*text == '-' || *text == '+');
  size_t count = strspn(digits, "0123456789");
  if (count == 0 || digits[count] != '\0') return false;
  if (count > 1 && digits[0] == '0') return false; /* 010 is eight in YAML 1.1 and ten in 1.2 */
  errno = 0;
  long long value = strtoll(text, NULL, 10);
  if (errno != 0) return false;
  *out = value;
  return true;
}

static bool is_real(const char *text) {
  text += *text == '-' || *text == '+';
  size_t whole = strspn(text, "0123456789"), part = 0;
  text += whole;
  if (*text == '.') {
    part = strspn(text + 1, "0123456789");
    text += 1 + part;
  }
  if (whole + part == 0) return false;
  if (*text == 'e' || *text == 'E') {
    text += 1 + (text[1] == '-' || text[1] == '+');
    size_t power = strspn(text, "0123456789");
    if (power == 0) return false;
    text += power;
  }
  return *text == '\0';
}

bool ddla_text_to_real(double *out, const char *text) {
  if (!is_real(text)) return false;
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (plain == (locale_t)0) return false;
  double value = strtod_l(text, NULL, plain);
  freelocale(plain);
  if (!isfinite(value)) return false;
  *out = value;
  return true;
}

void ddla_text_from_real(char out[DDLA_TEXT_REAL_BYTES], double value) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  locale_t before = plain == (locale_t)0 ? (locale_t)0 : uselocale(plain);
  char text[DDLA_TEXT_REAL_BYTES] = "";
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  memcpy(out, text, sizeof text);
  if (plain == (locale_t)0) return;
  uselocale(before);
  freelocale(plain);
}

static int least(int a, int b) { return a < b ? a : b; }

int ddla_text_distance(const char *a, const char *b) {
  size_t rows = strlen(a), columns = strlen(b);
  if (rows > WORD_MAX || columns > WORD_MAX) return FAR;
  int table[WORD_MAX + 1][WORD_MAX + 1];
  for (size_t i = 0; i <= rows; i++) table[i][0] = (int)i;
  for (size_t j = 0; j <= columns; j++) table[0][j] = (int)j;
  for (size_t i = 1; i <= rows; i++) {
    for (size_t j = 1; j <= columns; j++) {
      int best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      best = least(best, 1 + least(table[i - 1][j], table[i][j - 1]));
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) best = least(best, 1 + table[i - 2][j - 2]);
      table[i][j] = best;
    }
  }
  return table[rows][columns];
}

bool ddla_text_is_near(const char *a, const char *b) {
  int letters = (int)(strlen(a) > WORD_MAX ? WORD_MAX : strlen(a));
  int allowed = letters < 6 ? 1 + (letters > 2) : letters / 3 + 1;
  return ddla_text_distance(a, b) <= allowed;
}
