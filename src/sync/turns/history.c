#include "sync/turns/history.h"

#include <string.h>

#include "base/alloc.h"

typedef struct kept {
  int64_t version;
  float *parameters; /* null: none yet */
} kept;

struct ddla_history {
  int64_t count, versions, next; /* next: place of the next one */
  kept *kept;                    /* [versions] */
};

ddla_status ddla_history_create(ddla_history **out, int64_t count, int64_t versions) {
  ddla_history *history = NULL;
  DDLA_TRY(DDLA_NEW(history, 1));
  history->count = count;
  history->versions = versions;
  ddla_status status = DDLA_NEW(history->kept, versions);
  for (int64_t i = 0; status == DDLA_OK && i < versions; i++)
    status = DDLA_NEW(history->kept[i].parameters, count);
  for (int64_t i = 0; status == DDLA_OK && i < versions; i++) history->kept[i].version = -1;
  if (status == DDLA_OK) *out = history;
  else ddla_history_destroy(history);
  return status;
}

void ddla_history_destroy(ddla_history *history) {
  if (!history) return;
  for (int64_t i = 0; history->kept && i < history->versions; i++)
    ddla_free(history->kept[i].parameters);
  ddla_free(history->kept);
  ddla_free(history);
}

void ddla_history_keep(ddla_history *history, int64_t version, const float *parameters) {
  kept *k = &history->kept[history->next];
  history->next = (history->next + 1) % history->versions;
  k->version = version;
  memcpy(k->parameters, parameters, (size_t)history->count * sizeof *parameters);
}

/* The oldest one from `version` on; null: there is none. */
static const kept *find(const ddla_history *history, int64_t version) {
  const kept *found = NULL;
  for (int64_t i = 0; i < history->versions; i++) {
    const kept *k = &history->kept[i];
    if (k->version >= version && (!found || k->version < found->version)) found = k;
  }
  return found;
}

void ddla_history_compensate(const ddla_history *history, float *gradient, double scale,
                             double lambda, int64_t old, const float *now) {
  const kept *then = find(history, old);
  const float mean = (float)scale, weight = then ? (float)lambda : 0;
  const float *before = then ? then->parameters : now;
  for (int64_t i = 0; i < history->count; i++) {
    const float g = gradient[i] * mean;
    gradient[i] = g + weight * g * g * (now[i] - before[i]);
  }
}
