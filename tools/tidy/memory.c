#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tidy.h"

static void *check(void *block) {
  if (block) return block;
  fprintf(stderr, "ddla_tidy: no memory\n");
  exit(70);
}

void *tidy_new(size_t count, size_t size) { return check(calloc(count ? count : 1, size)); }

char *tidy_copy(const char *start, size_t length) {
  char *copy = tidy_new(length + 1, 1);
  memcpy(copy, start, length);
  return copy;
}

void *tidy_grow(void *array, int count, size_t size) {
  bool full = count == 0 || (count >= 16 && (count & (count - 1)) == 0);
  if (!full) return array;
  size_t room = count ? (size_t)count * 2 : 16;
  return check(realloc(array, room * size));
}

char *tidy_text(const char *format, ...) {
  char buffer[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return tidy_copy(buffer, strlen(buffer));
}
