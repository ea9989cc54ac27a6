#include "train/run/table.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

/* In the order of metrics.jsonl. A number that is added there becomes a column at the end. */
static const char *const columns[] = {"epoch",
                                      "step",
                                      "loss",
                                      "accuracy",
                                      "learning_rate",
                                      "samples_per_second",
                                      "seconds",
                                      "waiting",
                                      "gradient_norm",
                                      "validation_loss",
                                      "validation_accuracy",
                                      "samples",
                                      "bytes_sent"};

enum { COLUMNS = sizeof columns / sizeof columns[0], PATH_BYTES = 4096, ROWS_BYTES_MAX = 1 << 30 };

static void put_header(FILE *file) {
  for (int i = 0; i < COLUMNS; i++) fprintf(file, "%s%s", i ? "," : "", columns[i]);
  fputs("\r\n", file);
}

static void put_field(FILE *file, const json_t *value) {
  char text[DDLA_TEXT_REAL_BYTES];
  if (json_is_integer(value)) fprintf(file, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  if (!json_is_real(value)) return;
  ddla_text_from_real(text, json_real_value(value));
  fputs(text, file);
}

static ddla_status put_row(FILE *file, const char *row, size_t bytes) {
  json_error_t error;
  json_t *read = json_loadb(row, bytes, 0, &error);
  if (!read && json_error_code(&error) == json_error_out_of_memory)
    return DDLA_FAIL(NO_MEMORY, "no memory for a row of metrics.csv");
  if (!json_is_object(read)) {
    json_decref(read);
    return DDLA_FAIL(CORRUPT, "holds a row that is not a JSON object");
  }
  for (int i = 0; i < COLUMNS; i++) {
    if (i) fputc(',', file);
    put_field(file, json_object_get(read, columns[i]));
  }
  fputs("\r\n", file);
  json_decref(read);
  return DDLA_OK;
}

static ddla_status put_rows(FILE *file, const char *text, size_t bytes) {
  for (size_t at = 0, length = 0; at < bytes; at += length + 1) {
    const char *end = memchr(text + at, '\n', bytes - at);
    length = end ? (size_t)(end - text) - at : bytes - at;
    DDLA_TRY(put_row(file, text + at, length));
  }
  return DDLA_OK;
}

/* The whole table as text, made by open_memstream. */
static ddla_status make(char **out, size_t *out_bytes, const char *rows, size_t bytes) {
  char *text = NULL;
  FILE *file = open_memstream(&text, out_bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for metrics.csv");
  put_header(file);
  ddla_status status = put_rows(file, rows, bytes);
  if (fclose(file) != 0 && status == DDLA_OK)
    status = DDLA_FAIL(NO_MEMORY, "no memory for metrics.csv");
  if (status == DDLA_OK) *out = text;
  else free(text);
  return status;
}

ddla_status ddla_table_open(FILE **out, const char *directory) {
  char path[PATH_BYTES], *rows = NULL, *text = NULL;
  size_t bytes = 0, text_bytes = 0;
  ddla_status status = DDLA_OK;
  snprintf(path, sizeof path, "%s/metrics.jsonl", directory);
  if (access(path, F_OK) == 0) DDLA_TRY(ddla_file_read(&rows, &bytes, path, ROWS_BYTES_MAX));
  status = make(&text, &text_bytes, rows, bytes);
  if (status == DDLA_CORRUPT)
    status = ddla_status_prefix(status, "%s: mend or remove it, output.csv is made of it: ", path);
  DDLA_TRY_CLEAN(status, status);
  snprintf(path, sizeof path, "%s/metrics.csv", directory);
  DDLA_TRY_CLEAN(status, ddla_file_write(path, text, text_bytes));
  FILE *file = fopen(path, "ae");
  if (!file) DDLA_TRY_CLEAN(status, ddla_file_fail(errno, "cannot write", path));
  *out = file;
cleanup:
  free(text); /* made by open_memstream */
  ddla_free(rows);
  return status;
}

ddla_status ddla_table_add(FILE *file, const char *row, size_t bytes) {
  DDLA_TRY(put_row(file, row, bytes));
  if (fflush(file) == 0) return DDLA_OK;
  return ddla_file_fail(errno, "cannot write", "metrics.csv");
}
