/* Local SGD: replicas train alone for `interval` steps, then every one goes on from the mean of
 * their parameters (Stich 2018, arXiv:1805.09767; McMahan et al. 2017, arXiv:1602.05629, with all
 * clients in every round). With `after`, post-local SGD (Lin et al. 2018, arXiv:1808.07217): up to
 * that step the mean is taken in every step.
 *
 *   d_i = global - theta_i          what replica i has gone since the last exchange
 *   global = global - mean(d_i)
 *   theta_i = global
 *
 * Differences from the papers: the mean is taken of differences, so that what travels is small
 * where little has changed; replicas count alike, though parts of a batch may differ by a shard.
 * Momenta stay each replica's own. */
#include "sync/replica/replica.h"

extern const ddla_strategy ddla_strategy_average;

static void give(const ddla_replica_view *v, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) v->given[k] = v->global[k] - v->theta[k];
}

static void take(const ddla_replica_view *v, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) v->theta[k] = v->global[k] = v->global[k] - v->mean[k];
}

static const ddla_replica_method method = {.give = give, .take = take};

static ddla_status average_open(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_replica_open(out, &ddla_strategy_average, &method, options);
}

static const ddla_strategy_array arrays[] = {DDLA_REPLICA_ARRAYS};

const ddla_strategy ddla_strategy_average = {
    .mode = "accumulated",
    .method = "average",
    .help = "replicas train alone for sync.interval steps, then go on from their mean (local SGD)",
    .trials = "interval=8",
    .open = average_open,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    DDLA_REPLICA_SLOTS};
