/* Stale synchronous parallel (Ho et al. 2013, "More effective distributed ML via a stale
 * synchronous parallel parameter server"): as synchronous training, but shards of step t may be
 * computed with parameters of any version from t - k on, k being sync.staleness, so that nobody
 * waits for the slowest before he is k steps ahead. Contributions are summed by step, in the fixed
 * tree over the shards, and steps are applied in their order: with k = 0 the bits are those of
 * allreduce.
 *
 * Deviations: work is not divided beforehand, whoever is free takes the next shard; a server adds
 * up a step's whole gradient and gives it to any optimizer, where the paper adds updates as they
 * come; and what a host reads is the newest that it knows, its own contributions excepted until
 * their step is whole. */
#include "sync/turns/asynchronous.h"

extern const ddla_strategy ddla_strategy_bounded;

static const ddla_asynchronous_method method = {.on_arrival = false};

static ddla_status open_bounded(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_asynchronous_open(out, &ddla_strategy_bounded, &method, options);
}

static size_t control_bytes(const ddla_sync_split *split) {
  return ddla_asynchronous_control_bytes(&method, split);
}

static int operand_copies(const ddla_sync_split *split) {
  return ddla_asynchronous_operand_copies(&method, split);
}

const ddla_strategy ddla_strategy_bounded = {
    .mode = "asynchronous",
    .method = "bounded",
    .help = "shards go to whoever is free, with parameters up to sync.staleness steps old",
    .trials = "staleness=2",
    .open = open_bounded,
    .control_bytes = control_bytes,
    .operand_copies = operand_copies,
    DDLA_SERVING_SLOTS};
