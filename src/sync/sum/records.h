/* What the shards of a step contributed besides their gradients, added up. */
#ifndef DDLA_SYNC_SUM_RECORDS_H
#define DDLA_SYNC_SUM_RECORDS_H

#include "sync/sync.h"

/* Adds the shards' records to out: losses and counts in the fixed tree over the shards. Errors:
 * NON_FINITE where a loss is not finite, and *bad_shard is the first such shard (else -1). */
ddla_status ddla_records_sum(ddla_sync_result *out, int *bad_shard, const ddla_sync_record *record,
                             int shards);

#endif
