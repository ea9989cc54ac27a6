#include <float.h>
#include <string.h>

#include "base/text.h"
#include "data/format/csv.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static char likeliest_delimiter(const char *at, const char *end) {
  static const char choices[] = {',', ';', '\t'};
  int64_t counts[sizeof choices] = {0};
  while (at < end && (is_blank(*at) || *at == '\n')) at++;
  bool quoted = false;
  for (; at < end && (quoted || *at != '\n'); at++) {
    if (*at == '"') quoted = !quoted;
    for (size_t i = 0; i < sizeof choices && !quoted; i++) counts[i] += *at == choices[i];
  }
  size_t best = 0;
  for (size_t i = 1; i < sizeof choices; i++)
    if (counts[i] > counts[best]) best = i;
  return choices[best];
}

ddla_csv_cursor ddla_csv_start(const char *bytes, size_t length, char delimiter, const char *path) {
  ddla_csv_cursor cursor = {
      .at = bytes, .end = bytes + length, .path = path, .line = 1, .delimiter = delimiter};
  if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) cursor.at += 3;
  if (delimiter == 0) cursor.delimiter = likeliest_delimiter(cursor.at, cursor.end);
  return cursor;
}

bool ddla_csv_next_row(ddla_csv_cursor *cursor) {
  cursor->column = 0;
  for (const char *at = cursor->at; at < cursor->end; at++) {
    if (*at == '\n') {
      cursor->line++;
      cursor->at = at + 1;
    } else if (!is_blank(*at)) {
      return true; /* from the beginning of the line: a leading tab may be an empty field */
    }
  }
  return false;
}

static void skip_blanks(ddla_csv_cursor *cursor) {
  while (cursor->at < cursor->end && is_blank(*cursor->at) && *cursor->at != cursor->delimiter)
    cursor->at++;
}

/* The cursor stands behind the opening quote. */
static ddla_status read_quoted(ddla_csv_field *field, ddla_csv_cursor *cursor) {
  field->quoted = true;
  field->text = cursor->at;
  for (;; cursor->at++) {
    if (cursor->at == cursor->end)
      return DDLA_FAIL(CORRUPT, "%s, line %lld, column %d: the quoted field is not closed",
                       cursor->path, (long long)field->line, field->column);
    cursor->line += *cursor->at == '\n';
    if (*cursor->at != '"') continue;
    if (cursor->at + 1 == cursor->end || cursor->at[1] != '"') break;
    cursor->at++;
  }
  field->length = (size_t)(cursor->at - field->text);
  cursor->at++;
  skip_blanks(cursor);
  if (cursor->at == cursor->end || *cursor->at == '\n' || *cursor->at == cursor->delimiter)
    return DDLA_OK;
  return DDLA_FAIL(CORRUPT, "%s, line %lld, column %d: text follows the closing quote",
                   cursor->path, (long long)cursor->line, field->column);
}

ddla_status ddla_csv_next_field(ddla_csv_field *out, bool *last, ddla_csv_cursor *cursor) {
  skip_blanks(cursor);
  ddla_csv_field field = {.line = cursor->line, .column = ++cursor->column, .text = cursor->at};
  if (cursor->at < cursor->end && *cursor->at == '"') {
    cursor->at++;
    DDLA_TRY(read_quoted(&field, cursor));
  } else {
    while (cursor->at < cursor->end && *cursor->at != '\n' && *cursor->at != cursor->delimiter)
      cursor->at++;
    const char *stop = cursor->at;
    while (stop > field.text && is_blank(stop[-1])) stop--;
    field.length = (size_t)(stop - field.text);
  }
  *last = cursor->at == cursor->end || *cursor->at == '\n';
  if (cursor->at < cursor->end) {
    cursor->line += *cursor->at == '\n';
    cursor->at++;
  }
  *out = field;
  return DDLA_OK;
}

bool ddla_csv_field_text(char *out, size_t room, const ddla_csv_field *field) {
  size_t used = 0;
  for (size_t i = 0; i < field->length; i++) {
    if (used + 1 >= room) return false;
    if (field->quoted && field->text[i] == '"') i++; /* the first of two */
    out[used++] = field->text[i];
  }
  out[used] = '\0';
  return true;
}

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Numbers of at most 15 digits and without exponent, nearly all: both operands of the division are
 * exact doubles, so that it rounds correctly (Clinger 1990, doi:10.1145/93542.93557). */
static bool short_number(double *out, const char *text, size_t length) {
  bool negative = length > 0 && text[0] == '-';
  size_t i = negative || (length > 0 && text[0] == '+');
  int digits = 0, decimals = -1;
  int64_t value = 0;
  for (; i < length; i++) {
    if (text[i] == '.' && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (text[i] < '0' || text[i] > '9' || ++digits > 15) return false;
    value = value * 10 + (text[i] - '0');
    if (decimals >= 0) decimals++;
  }
  if (digits == 0) return false;
  double result = (double)value / powers_of_ten[decimals > 0 ? decimals : 0];
  *out = negative ? -result : result;
  return true;
}

bool ddla_csv_number(float *out, const ddla_csv_field *field) {
  double value = 0;
  if (!short_number(&value, field->text, field->length)) {
    char text[128];
    if (!ddla_csv_field_text(text, sizeof text, field) || strlen(text) != field->length)
      return false;
    if (!ddla_text_to_real(&value, text)) return false;
  }
  if (value > (double)FLT_MAX || value < -(double)FLT_MAX) return false;
  *out = (float)value;
  return true;
}
