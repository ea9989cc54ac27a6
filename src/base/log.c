#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static ddla_log_sink current_sink;
static void *current_argument;

void ddla_log_set_sink(ddla_log_sink sink, void *argument) {
  current_sink = sink;
  current_argument = argument;
}

void ddla_log_line(ddla_log_level level, const char *format, ...) {
  if (!current_sink) return;
  char line[DDLA_STATUS_TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  current_sink(level, line, current_argument);
}
