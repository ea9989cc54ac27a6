#include <ddla/attrs.h>
#include <string.h>

#include "base/assert.h"

static const ddla_attr *find(const ddla_attrs *attrs, const char *name) {
  for (int i = 0; i < attrs->count; i++)
    if (strcmp(attrs->item[i].name, name) == 0) return &attrs->item[i];
  return NULL;
}

/* The place of an attribute, emptied. */
static ddla_attr *slot(ddla_attrs *attrs, const char *name) {
  DDLA_ASSERT(strlen(name) < DDLA_ATTR_NAME_BYTES);
  int at = 0;
  while (at < attrs->count && strcmp(attrs->item[at].name, name) != 0) at++;
  DDLA_ASSERT(at < DDLA_ATTRS_MAX);
  if (at == attrs->count) attrs->count++;
  ddla_attr *item = &attrs->item[at];
  *item = (ddla_attr){.count = 0};
  memcpy(item->name, name, strlen(name));
  return item;
}

void ddla_attrs_set_ints(ddla_attrs *attrs, const char *name, const int64_t *values, int count) {
  DDLA_ASSERT(count > 0 && count <= DDLA_ATTR_VALUES_MAX);
  ddla_attr *item = slot(attrs, name);
  item->count = count;
  item->real = (double)values[0];
  memcpy(item->integer, values, (size_t)count * sizeof *values);
}

void ddla_attrs_set_int(ddla_attrs *attrs, const char *name, int64_t value) {
  ddla_attrs_set_ints(attrs, name, &value, 1);
}

void ddla_attrs_set_real(ddla_attrs *attrs, const char *name, double value) {
  slot(attrs, name)->real = value;
}

int64_t ddla_attrs_int(const ddla_attrs *attrs, const char *name, int index, int64_t fallback) {
  const ddla_attr *item = find(attrs, name);
  if (!item || item->count == 0) return fallback;
  return item->integer[index < item->count ? index : item->count - 1];
}

double ddla_attrs_real(const ddla_attrs *attrs, const char *name, double fallback) {
  const ddla_attr *item = find(attrs, name);
  return item ? item->real : fallback;
}

int ddla_attrs_count(const ddla_attrs *attrs, const char *name) {
  const ddla_attr *item = find(attrs, name);
  return item ? item->count : 0;
}
