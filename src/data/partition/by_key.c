/* Samples of one key (a speaker, a user) stay together, and parts are as equal as that allows:
 * keys with most samples first, each to the part with fewest so far (Graham 1969, "Bounds on
 * multiprocessing timing anomalies", doi:10.1137/0117039: the largest part is at most a third
 * larger than in the best division). Nothing is drawn. */
#include <stdlib.h>

#include "base/alloc.h"
#include "data/partition.h"

extern const ddla_partition_kind ddla_partition_by_key;

typedef struct keyed {
  int64_t count;
  int key;
} keyed;

/* Most first; of equal ones the lower number. */
static int compare(const void *a, const void *b) {
  const keyed *x = a, *y = b;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  return x->key < y->key ? -1 : x->key > y->key;
}

static int find_least(const int64_t *held, int parts) {
  int least = 0;
  for (int p = 1; p < parts; p++)
    if (held[p] < held[least]) least = p;
  return least;
}

static ddla_status assign(int32_t *owner, const ddla_partition_samples *samples,
                          const ddla_partition_rule *rule) {
  keyed *keys = NULL;
  int32_t *part = NULL;
  int64_t held[DDLA_PARTS_MAX] = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(keys, samples->keys));
  DDLA_TRY_CLEAN(status, DDLA_NEW(part, samples->keys));
  for (int k = 0; k < samples->keys; k++) keys[k].key = k;
  for (int64_t i = 0; i < samples->count; i++) keys[samples->key[i]].count++;
  qsort(keys, (size_t)samples->keys, sizeof *keys, compare);
  for (int k = 0; k < samples->keys && keys[k].count > 0; k++) {
    const int least = find_least(held, rule->parts);
    part[keys[k].key] = least;
    held[least] += keys[k].count;
  }
  for (int64_t i = 0; i < samples->count; i++) owner[i] = part[samples->key[i]];
cleanup:
  ddla_free(part);
  ddla_free(keys);
  return status;
}

const ddla_partition_kind ddla_partition_by_key = {
    .name = "by-key",
    .help = "samples of one key, as data.partition_key says, stay together",
    .mend = "there are fewer keys than parts; make fewer parts",
    .needs_keys = true,
    .assign = assign};
