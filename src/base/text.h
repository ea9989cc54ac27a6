/* Small pieces of text: numbers that do not depend on the locale, UTF-8, likeness of words, and
 * quoting of what a user wrote for an error message. Threads: pure functions. */
#ifndef DDLA_BASE_TEXT_H
#define DDLA_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DDLA_TEXT_QUOTE_BYTES = 96, DDLA_TEXT_REAL_BYTES = 32 };

/* Text of a user's bytes for a message, in single quotes, at most 60 bytes of it, with control
 * characters and broken UTF-8 as '?'. */
typedef struct ddla_text_quoted {
  char text[DDLA_TEXT_QUOTE_BYTES];
} ddla_text_quoted;

ddla_text_quoted ddla_text_quote(const char *text);

/* Offset of the first byte that is not part of well-formed UTF-8 (RFC 3629), or `bytes` if there is
 * none. */
size_t ddla_text_utf8_end(const char *text, size_t bytes);

/* Reads a whole decimal number "-12"; no leading zeros, no blanks. False if it is none or does not
 * fit. */
bool ddla_text_to_int(int64_t *out, const char *text);

/* Reads a decimal number "-1.5e-3"; neither infinity, nor NaN, nor hexadecimal. False if it is none
 * or is too large. */
bool ddla_text_to_real(double *out, const char *text);

/* Writes the shortest of 15 to 17 digits that reads back as the same number; the value is finite.
 */
void ddla_text_from_real(char out[DDLA_TEXT_REAL_BYTES], double value);

/* Number of single-letter insertions, deletions, replacements and swaps of neighbours between two
 * words (optimal string alignment); words longer than 63 bytes count as 64 apart. */
int ddla_text_distance(const char *a, const char *b);

/* True when b is close enough to a to be what was meant: at most a third of a's letters differ. */
bool ddla_text_is_near(const char *a, const char *b);

#endif
