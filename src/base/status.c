#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct status_row {
  const char *name, *words;
  int exit;
  ddla_rebuild rebuild;
} status_row;

static const status_row rows[] = {
#define ROW(name, exit, words, rebuild) {#name, words, exit, DDLA_REBUILD_##rebuild},
    DDLA_STATUS_LIST(ROW)
#undef ROW
};

static _Thread_local ddla_failure newest;

static const status_row *row_of(ddla_status code) {
  size_t index = (size_t)code;
  if (index >= sizeof rows / sizeof rows[0]) index = DDLA_INTERNAL;
  return &rows[index];
}

const char *ddla_status_words(ddla_status code) { return row_of(code)->words; }
const char *ddla_status_name(ddla_status code) { return row_of(code)->name; }
int ddla_status_exit(ddla_status code) { return row_of(code)->exit; }
ddla_rebuild ddla_status_rebuild(ddla_status code) { return row_of(code)->rebuild; }

const char *ddla_status_message(ddla_status code) {
  if (newest.code == code && newest.text[0] != '\0') return newest.text;
  return ddla_status_words(code);
}

ddla_status ddla_status_fail(ddla_status code, const char *file, int line, const char *format,
                             ...) {
  ddla_failure made = {.code = code, .file = file, .line = line};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(made.text, sizeof made.text, format, arguments);
  va_end(arguments);
  newest = made; /* the arguments may point into the older text, so it is replaced last */
  return code;
}

ddla_status ddla_status_prefix(ddla_status code, const char *format, ...) {
  ddla_failure made = {0};
  ddla_status_take(&made, code);
  char words[DDLA_STATUS_TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  if (length < 0) return code;
  size_t room = sizeof newest.text;
  size_t used = (size_t)length < room - 1 ? (size_t)length : room - 1;
  newest = made;
  memcpy(newest.text, words, used);
  size_t rest = strlen(made.text);
  if (rest > room - 1 - used) rest = room - 1 - used;
  memcpy(newest.text + used, made.text, rest);
  newest.text[used + rest] = '\0';
  return code;
}

void ddla_status_take(ddla_failure *out, ddla_status code) {
  *out = newest;
  if (newest.code == code && newest.text[0] != '\0') return;
  *out = (ddla_failure){.code = code};
  snprintf(out->text, sizeof out->text, "%s", ddla_status_words(code));
}

ddla_status ddla_status_raise(const ddla_failure *failure) {
  newest = *failure;
  return failure->code;
}
