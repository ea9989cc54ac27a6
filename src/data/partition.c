#include "data/partition.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/order.h"

#define DDLA_PARTITION(folder, name) extern const ddla_partition_kind ddla_partition_##name;
#include "data/partition_list.h"
#undef DDLA_PARTITION

static const ddla_partition_kind *const table[] = {
#define DDLA_PARTITION(folder, name) &ddla_partition_##name,
#include "data/partition_list.h"
#undef DDLA_PARTITION
};

enum { KINDS = sizeof table / sizeof table[0] };

const ddla_partition_kind *ddla_partition_at(int index) {
  return index >= 0 && index < KINDS ? table[index] : NULL;
}

const ddla_partition_kind *ddla_partition_find(const char *name) {
  for (int i = 0; i < KINDS; i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}

uint64_t ddla_partition_key(uint64_t seed, ddla_partition_draw draw, int part) {
  return ddla_rng_key(seed, DDLA_PURPOSE_PARTITION, (uint64_t)draw, (uint64_t)part);
}

void ddla_partition_sort(int64_t *sample, int64_t *first, const ddla_partition_samples *samples,
                         uint64_t seed) {
  const ddla_order order =
      ddla_order_make(samples->count, ddla_partition_key(seed, DDLA_PARTITION_ORDER, 0));
  memset(first, 0, ((size_t)samples->labels + 1) * sizeof *first);
  for (int64_t i = 0; i < samples->count; i++) first[samples->label[i] + 1]++;
  for (int l = 0; l < samples->labels; l++) first[l + 1] += first[l];
  for (int64_t p = 0; p < samples->count; p++) {
    const int64_t i = ddla_order_at(&order, p);
    sample[first[samples->label[i]]++] = i;
  }
  for (int l = samples->labels; l > 0; l--) first[l] = first[l - 1]; /* they have moved on by one */
  first[0] = 0;
}

static ddla_status check_needs(const ddla_partition_kind *kind,
                               const ddla_partition_samples *samples,
                               const ddla_partition_rule *rule) {
  if (rule->parts < 1 || rule->parts > DDLA_PARTS_MAX)
    return DDLA_FAIL(INVALID, "%d parts; there may be 1 to %d", rule->parts, DDLA_PARTS_MAX);
  if (kind->needs_labels && !samples->label)
    return DDLA_FAIL(INVALID,
                     "%s divides samples by their labels, and these have none; use iid or by-size",
                     kind->name);
  if (kind->needs_keys && !samples->key)
    return DDLA_FAIL(INVALID,
                     "%s keeps samples of one key together, and these have no keys; name their "
                     "column (csv) in data.partition_key",
                     kind->name);
  if (kind->needs_homes && !samples->home)
    return DDLA_FAIL(INVALID, "%s is for samples that lie on hosts of their own, and these do not",
                     kind->name);
  if (samples->count >= rule->parts) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%lld samples cannot be divided into %d parts",
                   (long long)samples->count, rule->parts);
}

static ddla_status check_parts(const int32_t *owner, const ddla_partition_kind *kind, int64_t count,
                               int parts) {
  int64_t held[DDLA_PARTS_MAX] = {0};
  for (int64_t i = 0; i < count; i++) held[owner[i]]++;
  for (int p = 0; p < parts; p++)
    if (held[p] == 0)
      return DDLA_FAIL(INVALID, "%s leaves part %d of %d without a sample; %s", kind->name, p,
                       parts, kind->mend);
  return DDLA_OK;
}

ddla_status ddla_partition_assign(int32_t *owner, const ddla_partition_kind *kind,
                                  const ddla_partition_samples *samples,
                                  const ddla_partition_rule *rule) {
  DDLA_TRY(check_needs(kind, samples, rule));
  if (rule->parts == 1) { /* there is nothing to divide, and nothing that could be wrong */
    memset(owner, 0, (size_t)samples->count * sizeof *owner);
    return DDLA_OK;
  }
  DDLA_TRY(kind->assign(owner, samples, rule));
  return check_parts(owner, kind, samples->count, rule->parts);
}
