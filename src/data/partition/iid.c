/* Every part is a random sample of all: equal sizes up to one. What unequal parts are compared
 * with. */
#include "data/order.h"
#include "data/partition.h"

extern const ddla_partition_kind ddla_partition_iid;

static ddla_status assign(int32_t *owner, const ddla_partition_samples *samples,
                          const ddla_partition_rule *rule) {
  const ddla_order order =
      ddla_order_make(samples->count, ddla_partition_key(rule->seed, DDLA_PARTITION_ORDER, 0));
  for (int64_t p = 0; p < samples->count; p++)
    owner[ddla_order_at(&order, p)] = (int32_t)(p % rule->parts);
  return DDLA_OK;
}

const ddla_partition_kind ddla_partition_iid = {.name = "iid",
                                                .help = "at random, in equal parts",
                                                .mend = "make fewer parts",
                                                .assign = assign};
