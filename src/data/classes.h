/* Names of classes and their numbers. Threads: one thread changes it; reading from any thread. */
#ifndef DDLA_DATA_CLASSES_H
#define DDLA_DATA_CLASSES_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { DDLA_CLASSES_LIMIT = 65536 };

/* Plain value; zero is empty. names: [count], owned. slots: hash table of class numbers + 1. */
typedef struct ddla_classes {
  char **names;
  int32_t *slots;
  int count, name_room, slot_count;
} ddla_classes;

void ddla_classes_fini(ddla_classes *classes);

/* Number of a name, or -1. The name need not end in 0. */
int32_t ddla_classes_find(const ddla_classes *classes, const char *name, size_t length);

/* Finds or adds a name. Errors: INVALID beyond DDLA_CLASSES_LIMIT; NO_MEMORY. */
ddla_status ddla_classes_add(int32_t *out, ddla_classes *classes, const char *name, size_t length);

/* Fills an empty table with the given names. Errors: INVALID if a name is empty or given twice. */
ddla_status ddla_classes_set(ddla_classes *classes, const char *const *names, int count);

/* Fills an empty table with "0" … "count - 1". */
ddla_status ddla_classes_number(ddla_classes *classes, int count);

/* Sorts by name (byte order) and writes to renumber[old] the new number of each. renumber: [count]
 */
ddla_status ddla_classes_sort(ddla_classes *classes, int32_t *renumber);

#endif
