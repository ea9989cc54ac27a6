/* What lies on a host is its agents': samples are where they came from, and nothing is divided or
 * drawn. */
#include <string.h>

#include "data/partition.h"

extern const ddla_partition_kind ddla_partition_files;

static ddla_status assign(int32_t *owner, const ddla_partition_samples *samples,
                          const ddla_partition_rule *rule) {
  if (samples->homes != rule->parts)
    return DDLA_FAIL(INVALID, "samples of %d hosts for %d parts; a host has one", samples->homes,
                     rule->parts);
  memcpy(owner, samples->home, (size_t)samples->count * sizeof *owner);
  return DDLA_OK;
}

const ddla_partition_kind ddla_partition_files = {
    .name = "files",
    .help = "what lies on a host is a part: each host reads files of its own",
    .mend = "give every host samples",
    .needs_homes = true,
    .assign = assign};
