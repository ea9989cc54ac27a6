#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void ddla_assert_fail(const char *condition, const char *file, int line) {
  fprintf(stderr, "ddla: bug: %s:%d: %s\n", file, line, condition);
  abort();
}
