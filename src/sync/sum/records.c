#include "sync/sum/records.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Sum over the tree of a field of the records. */
static double tree_sum(const ddla_sync_record *record, int first, int end, size_t field) {
  if (end - first == 1) {
    double value = 0;
    memcpy(&value, (const char *)&record[first] + field, sizeof value);
    return value;
  }
  int half = 1;
  while (2 * half < end - first) half *= 2;
  return tree_sum(record, first, first + half, field) + tree_sum(record, first + half, end, field);
}

ddla_status ddla_records_sum(ddla_sync_result *out, int *bad_shard, const ddla_sync_record *record,
                             int shards) {
  *bad_shard = -1;
  for (int s = 0; s < shards; s++) {
    out->correct += record[s].correct;
    out->samples += record[s].samples;
    if (*bad_shard < 0 && !isfinite(record[s].loss)) *bad_shard = s;
  }
  out->loss = tree_sum(record, 0, shards, offsetof(ddla_sync_record, loss));
  out->count = tree_sum(record, 0, shards, offsetof(ddla_sync_record, count));
  if (*bad_shard >= 0)
    return DDLA_FAIL(NON_FINITE, "the loss of shard %d is %g", *bad_shard, record[*bad_shard].loss);
  return DDLA_OK;
}
