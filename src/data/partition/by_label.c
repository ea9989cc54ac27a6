/* Every part has samples of few labels: the pathological division of McMahan et al. 2017
 * (arXiv:1602.05629, section 3). Labels are dealt out in a random order, `labels` of them to each
 * part, round and round; the samples of a label go to its parts in equal shares.
 *
 * Difference: the paper cuts the samples, sorted by label, into pieces of equal size, and gives
 * every client two; a piece may have two labels, and sizes are equal. Here no part has more labels
 * than it should, and the sizes follow from the labels'. */
#include "base/alloc.h"
#include "data/order.h"
#include "data/partition.h"

extern const ddla_partition_kind ddla_partition_by_label;

/* Labels that some sample has, by rising number; how many. */
static int find_present(int *present, const int64_t *first, int labels) {
  int count = 0;
  for (int l = 0; l < labels; l++)
    if (first[l + 1] > first[l]) present[count++] = l;
  return count;
}

static ddla_status check(int present, const ddla_partition_rule *rule) {
  const int64_t places = rule->parts * rule->labels;
  if (rule->labels < 1 || rule->labels > present)
    return DDLA_FAIL(INVALID,
                     "%lld labels for each part, and the samples have %d; choose "
                     "data.partition_labels from 1 to %d",
                     (long long)rule->labels, present, present);
  if (places >= present) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%d parts of %lld labels each cannot hold all of %d labels; raise "
                   "data.partition_labels to at least %d",
                   rule->parts, (long long)rule->labels, present,
                   (present + rule->parts - 1) / rule->parts);
}

/* The label in place t of the order goes to whoever has the places t, t + present, …: a part's
 * places lie side by side, and are fewer than `present`, so its labels differ. */
static void deal(int32_t *owner, const int64_t *sample, const int64_t *first, int64_t t,
                 int present, const ddla_partition_rule *rule) {
  const int64_t places = rule->parts * rule->labels, count = first[1] - first[0];
  const int64_t owners = (places - t + present - 1) / present;
  for (int64_t k = 0; k < count; k++) {
    const int64_t place = t + k * owners / count * present;
    owner[sample[first[0] + k]] = (int32_t)(place / rule->labels);
  }
}

static ddla_status assign(int32_t *owner, const ddla_partition_samples *samples,
                          const ddla_partition_rule *rule) {
  int64_t *sample = NULL, *first = NULL;
  int *present = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(sample, samples->count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(first, samples->labels + 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(present, samples->labels));
  ddla_partition_sort(sample, first, samples, rule->seed);
  const int count = find_present(present, first, samples->labels);
  DDLA_TRY_CLEAN(status, check(count, rule));
  const ddla_order order =
      ddla_order_make(count, ddla_partition_key(rule->seed, DDLA_PARTITION_LABELS, 0));
  for (int t = 0; t < count; t++)
    deal(owner, sample, first + present[ddla_order_at(&order, t)], t, count, rule);
cleanup:
  ddla_free(present);
  ddla_free(first);
  ddla_free(sample);
  return status;
}

const ddla_partition_kind ddla_partition_by_label = {
    .name = "by-label",
    .help = "samples of data.partition_labels labels for each part",
    .mend = "a label has fewer samples than parts; lower data.partition_labels",
    .needs_labels = true,
    .assign = assign};
