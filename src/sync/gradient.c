/* Gradients of `interval` batches are summed before one update, by the synchronous strategy: what
 * fits no memory, or no time between two exchanges, as one batch. A step is this update, its batch
 * interval * train.batch samples in interval * train.shards shards, of which every worker computes
 * a contiguous part (sync/sum/leaves.h keeps few sums at a time). The bits are those of a run with
 * that batch and those shards, and the same micro-batch, by definition. */
#include "sync/sync.h"

extern const ddla_strategy ddla_strategy_gradient, ddla_strategy_allreduce;

static size_t control_bytes(const ddla_sync_split *split) {
  return ddla_strategy_allreduce.control_bytes(split);
}

static int operand_copies(const ddla_sync_split *split) {
  return ddla_strategy_allreduce.operand_copies(split);
}

static int list_copies(const ddla_sync_split *split) {
  return ddla_strategy_allreduce.list_copies(split);
}

/* All other calls go to allreduce's own. */
static ddla_status gradient_open(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_strategy_allreduce.open(out, options);
}

const ddla_strategy ddla_strategy_gradient = {
    .mode = "accumulated",
    .method = "gradient",
    .help = "gradients of sync.interval batches are summed for one update",
    .accumulates = true,
    .control_bytes = control_bytes,
    .operand_copies = operand_copies,
    .list_copies = list_copies,
    .open = gradient_open};
