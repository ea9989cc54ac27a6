/* JSON (RFC 8259) a line at a time: a cursor that is moved over values, without a tree of them, so
 * that a line takes no memory beyond its numbers. Threads: pure functions. */
#ifndef DDLA_DATA_FORMAT_JSONL_H
#define DDLA_DATA_FORMAT_JSONL_H

#include "data/data.h"

enum {
  DDLA_JSONL_KEY_BYTES =
      256,                  /* of a key with the zero at its end; longer ones are no key of ours */
  DDLA_JSONL_DEPTH_MAX = 64 /* arrays and objects in each other */
};

/* Where a reader stands in well-formed UTF-8; plain value. */
typedef struct ddla_jsonl_cursor {
  const char *begin, *at, *end;
} ddla_jsonl_cursor;

/* What begins at a cursor. */
typedef enum ddla_jsonl_kind {
  DDLA_JSONL_END,
  DDLA_JSONL_NUMBER,
  DDLA_JSONL_TEXT,
  DDLA_JSONL_ARRAY,
  DDLA_JSONL_OBJECT,
  DDLA_JSONL_OTHER /* true, false, null, and what is no value */
} ddla_jsonl_kind;

ddla_jsonl_cursor ddla_jsonl_start(const char *bytes, size_t length);

/* Skips blanks and looks; the cursor then stands at a value's first byte. */
ddla_jsonl_kind ddla_jsonl_peek(ddla_jsonl_cursor *cursor);

/* Skips blanks; if `mark` follows moves behind it, else false. */
bool ddla_jsonl_take(ddla_jsonl_cursor *cursor, char mark);

/* All functions below fail with INVALID, naming the byte of the line (from 1), what was found and
 * what was expected. */

/* "byte 7: found …; expected …" for what stands at the cursor. */
ddla_status ddla_jsonl_refuse(const ddla_jsonl_cursor *cursor, const char *expected) DDLA_MUST_USE;

/* Moves behind `mark`, which must follow. */
ddla_status ddla_jsonl_expect(ddla_jsonl_cursor *cursor, char mark) DDLA_MUST_USE;

/* Reads a text and undoes its escapes. Also refused: a text that takes more than room - 1 bytes or
 * holds a zero byte. */
ddla_status ddla_jsonl_text(char *out, size_t room, ddla_jsonl_cursor *cursor) DDLA_MUST_USE;

/* Reads a number that a float can hold; *whole: it has neither point nor exponent. */
ddla_status ddla_jsonl_number(float *out, bool *whole, ddla_jsonl_cursor *cursor) DDLA_MUST_USE;

/* Reads a class: a text, or a whole number as it is written. */
ddla_status ddla_jsonl_class(char *out, size_t room, ddla_jsonl_cursor *cursor) DDLA_MUST_USE;

/* Moves behind a value of any kind. Also refused: more than DDLA_JSONL_DEPTH_MAX levels. */
ddla_status ddla_jsonl_skip(ddla_jsonl_cursor *cursor) DDLA_MUST_USE;

/* Moves to the value of an object's next key: *more is false behind its '}'. The object's '{' has
 * been read, and with `first` nothing else of it. A longer key becomes "". */
ddla_status ddla_jsonl_next_key(bool *more, char key[DDLA_JSONL_KEY_BYTES],
                                ddla_jsonl_cursor *cursor, bool first) DDLA_MUST_USE;

/* Nothing may follow but blanks. */
ddla_status ddla_jsonl_finish(ddla_jsonl_cursor *cursor) DDLA_MUST_USE;

/* Fills a zeroed data set from the bytes of a file; source->path is for messages.
 * Errors: INVALID and CORRUPT, naming line and key; NO_MEMORY. */
ddla_status ddla_jsonl_parse(ddla_dataset *set, const char *bytes, size_t length,
                             const ddla_data_source *source) DDLA_MUST_USE;

#endif
