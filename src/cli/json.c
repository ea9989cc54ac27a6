#include "cli/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

ddla_status ddla_json_print(json_t *value) {
  if (!value) return DDLA_FAIL(NO_MEMORY, "no memory for the result");
  int failed = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
  json_decref(value);
  if (failed) return DDLA_FAIL(IO, "cannot write to standard output");
  putchar('\n');
  return DDLA_OK;
}

json_t *ddla_json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t *ddla_json_text(const char *text) {
  char *copy = NULL;
  if (ddla_alloc_text(&copy, text) != DDLA_OK) return NULL;
  size_t bytes = strlen(copy);
  for (size_t at = 0; (at += ddla_text_utf8_end(copy + at, bytes - at)) < bytes;) copy[at] = '?';
  json_t *made = json_string(copy);
  ddla_free(copy);
  return made;
}
