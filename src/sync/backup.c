/* Synchronous SGD with backup workers (Chen et al. 2016, "Revisiting distributed synchronous SGD",
 * arXiv:1604.00981): a step is made when all but sync.backup of its shards are there; what comes
 * later is let go, and whoever was late goes on with the newest step. The mean is over the samples
 * that were there. With sync.backup: 0 the bits are those of allreduce.
 *
 * Deviations: work is not divided beforehand, whoever is free takes the next shards, so that a slow
 * host has few of them at any time; what nobody has begun when a step is made is not computed at
 * all. Every server makes its ranges by itself, so that one range may take other shards into a step
 * than another one: loss and count are those of range 0. The paper adds workers to a batch of fixed
 * size, here shards of the batch are left out; who wants as many samples in each step makes
 * train.batch larger. */
#include "sync/turns/asynchronous.h"

extern const ddla_strategy ddla_strategy_backup;

static const ddla_asynchronous_method method = {.backup = true};

static ddla_status open_backup(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_asynchronous_open(out, &ddla_strategy_backup, &method, options);
}

static size_t control_bytes(const ddla_sync_split *split) {
  return ddla_asynchronous_control_bytes(&method, split);
}

static int operand_copies(const ddla_sync_split *split) {
  return ddla_asynchronous_operand_copies(&method, split);
}

const ddla_strategy ddla_strategy_backup = {
    .mode = "synchronous",
    .method = "backup",
    .help = "the last sync.backup shards of each step are not waited for: no same bits",
    .open = open_backup,
    .control_bytes = control_bytes,
    .operand_copies = operand_copies,
    DDLA_SERVING_SLOTS};
