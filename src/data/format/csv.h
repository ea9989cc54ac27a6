/* Comma-separated values (RFC 4180 with the liberties that docs/formats/data.md lists). */
#ifndef DDLA_DATA_FORMAT_CSV_H
#define DDLA_DATA_FORMAT_CSV_H

#include "data/data.h"

/* One field; text points into the file and still holds doubled quotes if it was quoted. */
typedef struct ddla_csv_field {
  const char *text;
  size_t length;
  bool quoted;
  int64_t line; /* from 1 */
  int column;   /* field of its row, from 1 */
} ddla_csv_field;

/* Where a reader stands; plain value. */
typedef struct ddla_csv_cursor {
  const char *at, *end, *path;
  int64_t line; /* of `at`, from 1 */
  int column;   /* fields read of this row */
  char delimiter;
} ddla_csv_cursor;

/* Starts after a byte order mark; delimiter 0: the one of , ; tab that the first line has most of.
 */
ddla_csv_cursor ddla_csv_start(const char *bytes, size_t length, char delimiter, const char *path);

/* Moves to the next row that is not blank; false at the end. */
bool ddla_csv_next_row(ddla_csv_cursor *cursor);

/* Reads a field of the row; *last tells whether it was the row's last.
 * Errors: CORRUPT, naming line and column, for a quote that is not closed or text after it. */
ddla_status ddla_csv_next_field(ddla_csv_field *out, bool *last, ddla_csv_cursor *cursor);

/* Copies a field without its doubled quotes; false if it takes more than room - 1 bytes. */
bool ddla_csv_field_text(char *out, size_t room, const ddla_csv_field *field);

/* Reads a decimal number. False if it is none or does not fit a float. */
bool ddla_csv_number(float *out, const ddla_csv_field *field);

/* Fills a zeroed data set from the bytes of a file; source->path is for messages.
 * Errors: INVALID and CORRUPT, naming line and column; NO_MEMORY. */
ddla_status ddla_csv_parse(ddla_dataset *set, const char *bytes, size_t length,
                           const ddla_data_source *source);

#endif
