#include "sync/heterogeneity.h"

#include <string.h>

#define DDLA_HETEROGENEITY(folder, name) extern const ddla_heterogeneity ddla_heterogeneity_##name;
#include "sync/heterogeneity_list.h"
#undef DDLA_HETEROGENEITY

static const ddla_heterogeneity *const table[] = {
#define DDLA_HETEROGENEITY(folder, name) &ddla_heterogeneity_##name,
#include "sync/heterogeneity_list.h"
#undef DDLA_HETEROGENEITY
};

enum { ROWS = sizeof table / sizeof table[0] };

const ddla_heterogeneity *ddla_heterogeneity_at(int index) {
  return index >= 0 && index < ROWS ? table[index] : NULL;
}

const ddla_heterogeneity *ddla_heterogeneity_find(const char *name) {
  for (int i = 0; i < ROWS; i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}

bool ddla_heterogeneity_fits(const ddla_heterogeneity *heterogeneity, const char *method) {
  if (!heterogeneity->methods) return true;
  for (int i = 0; heterogeneity->methods[i]; i++)
    if (strcmp(heterogeneity->methods[i], method) == 0) return true;
  return false;
}
