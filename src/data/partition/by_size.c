/* Parts of unequal size, each a random sample of all: part p has samples in proportion to
 * (p + 1)^-exponent. */
#include <math.h>

#include "data/order.h"
#include "data/partition.h"

extern const ddla_partition_kind ddla_partition_by_size;

static double weight_of(int part, double exponent) { return pow(part + 1, -exponent); }

static ddla_status assign(int32_t *owner, const ddla_partition_samples *samples,
                          const ddla_partition_rule *rule) {
  const ddla_order order =
      ddla_order_make(samples->count, ddla_partition_key(rule->seed, DDLA_PARTITION_ORDER, 0));
  double whole = 0, until = 0;
  int64_t at = 0;
  for (int p = 0; p < rule->parts; p++) whole += weight_of(p, rule->exponent);
  for (int p = 0; p < rule->parts; p++) {
    until += weight_of(p, rule->exponent);
    const int64_t end =
        p + 1 == rule->parts ? samples->count : llround((double)samples->count * (until / whole));
    for (; at < end; at++) owner[ddla_order_at(&order, at)] = p;
  }
  return DDLA_OK;
}

const ddla_partition_kind ddla_partition_by_size = {
    .name = "by-size",
    .help = "at random, in parts whose sizes fall as (1 + number)^-data.partition_exponent",
    .mend = "lower data.partition_exponent",
    .assign = assign};
