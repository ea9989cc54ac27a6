#include "data/classes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"

void ddla_classes_fini(ddla_classes *classes) {
  for (int i = 0; i < classes->count; i++) ddla_free(classes->names[i]);
  ddla_free(classes->names);
  ddla_free(classes->slots);
  *classes = (ddla_classes){0};
}

/* Slot that holds the name or where it belongs; slot_count is a power of two, never full. */
static int32_t *slot_of(const ddla_classes *classes, const char *name, size_t length) {
  uint64_t place = XXH3_64bits(name, length);
  for (;; place++) {
    int32_t *slot = &classes->slots[place & (uint64_t)(classes->slot_count - 1)];
    if (*slot == 0) return slot;
    const char *held = classes->names[*slot - 1];
    if (strlen(held) == length && memcmp(held, name, length) == 0) return slot;
  }
}

static void index_names(ddla_classes *classes) {
  memset(classes->slots, 0, (size_t)classes->slot_count * sizeof *classes->slots);
  for (int i = 0; i < classes->count; i++)
    *slot_of(classes, classes->names[i], strlen(classes->names[i])) = i + 1;
}

static ddla_status grow(ddla_classes *classes) {
  if (classes->count < classes->name_room) return DDLA_OK;
  int room = classes->name_room ? 2 * classes->name_room : 16;
  char **names = NULL;
  int32_t *slots = NULL;
  DDLA_TRY(DDLA_NEW(names, room));
  ddla_status status = DDLA_NEW(slots, 2 * room);
  if (status != DDLA_OK) {
    ddla_free(names);
    return status;
  }
  if (classes->count) memcpy(names, classes->names, (size_t)classes->count * sizeof *names);
  ddla_free(classes->names);
  ddla_free(classes->slots);
  classes->names = names, classes->slots = slots;
  classes->name_room = room, classes->slot_count = 2 * room;
  index_names(classes);
  return DDLA_OK;
}

int32_t ddla_classes_find(const ddla_classes *classes, const char *name, size_t length) {
  if (classes->count == 0) return -1;
  return *slot_of(classes, name, length) - 1;
}

ddla_status ddla_classes_add(int32_t *out, ddla_classes *classes, const char *name, size_t length) {
  int32_t found = ddla_classes_find(classes, name, length);
  if (found < 0) {
    if (classes->count == DDLA_CLASSES_LIMIT)
      return DDLA_FAIL(INVALID, "more than %d classes", DDLA_CLASSES_LIMIT);
    DDLA_TRY(grow(classes));
    char *copy = NULL;
    DDLA_TRY(DDLA_NEW(copy, length + 1));
    memcpy(copy, name, length);
    found = classes->count++;
    classes->names[found] = copy;
    *slot_of(classes, name, length) = found + 1;
  }
  *out = found;
  return DDLA_OK;
}

ddla_status ddla_classes_set(ddla_classes *classes, const char *const *names, int count) {
  DDLA_ASSERT(classes->count == 0);
  for (int i = 0; i < count; i++) {
    int32_t number = 0;
    if (names[i][0] == '\0') return DDLA_FAIL(INVALID, "the name of class %d is empty", i);
    DDLA_TRY(ddla_classes_add(&number, classes, names[i], strlen(names[i])));
    if (number != i)
      return DDLA_FAIL(INVALID, "class \"%s\" is listed twice, as %d and %d", names[i], (int)number,
                       i);
  }
  return DDLA_OK;
}

ddla_status ddla_classes_number(ddla_classes *classes, int count) {
  DDLA_ASSERT(classes->count == 0);
  for (int i = 0; i < count; i++) {
    char name[16];
    int32_t number = 0;
    int length = snprintf(name, sizeof name, "%d", i);
    DDLA_TRY(ddla_classes_add(&number, classes, name, (size_t)length));
  }
  return DDLA_OK;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

ddla_status ddla_classes_sort(ddla_classes *classes, int32_t *renumber) {
  if (classes->count == 0) return DDLA_OK;
  char **old = NULL;
  DDLA_TRY(DDLA_NEW(old, classes->count));
  memcpy(old, classes->names, (size_t)classes->count * sizeof *old);
  qsort(classes->names, (size_t)classes->count, sizeof *classes->names, compare_names);
  index_names(classes);
  for (int i = 0; i < classes->count; i++)
    renumber[i] = ddla_classes_find(classes, old[i], strlen(old[i]));
  ddla_free(old);
  return DDLA_OK;
}
