/* JSON that commands print. Threads: one thread. */
#ifndef DDLA_CLI_JSON_H
#define DDLA_CLI_JSON_H

#include <jansson.h>

#include "base/status.h"

/* Prints a value to standard output, indented, with a line end, and releases it. Null: NO_MEMORY.
 */
ddla_status ddla_json_print(json_t *value);

/* Text that may be no UTF-8 (a path), wrong bytes as '?'. The caller owns the result; null without
 * memory. */
json_t *ddla_json_text(const char *text);

/* A number; null where it is not finite, which JSON cannot say. */
json_t *ddla_json_number(double value);

#endif
