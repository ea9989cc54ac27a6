/* Streaming DiLoCo (Douillard et al. 2025, arXiv:2501.18512): the model is exchanged in fragments,
 * each at a place of its own in the interval, while replicas go on computing; `delay` steps later
 * the outer step of DiLoCo is made on the fragment, and what replicas have done meanwhile is mixed
 * in.
 *
 *   behind the fragment's step:      d_i = global - theta_i
 *   `delay` steps later:             m = momentum m + mean(d_i)
 *                                    global = global - rate (mean(d_i) + momentum m)
 *                                    theta_i = mixing theta_i + (1 - mixing) global
 *
 * All of a fragment only. The paper's mixing is 0.5; 0 forgets the delay's own steps. Fragment f of
 * F leaves behind step interval (f + 1) / F of every interval. Replicas stay apart; the global
 * model is what the outer steps have made so far.
 *
 * Differences: fragments are contiguous pieces of the parameter space of equal size, not sets of
 * layers; a fragment is merged before the next one leaves; the run ends with an exchange of all
 * fragments behind which replicas are equal. */
#include "sync/replica.h"

extern const ddla_strategy ddla_strategy_streaming;

enum { MOMENTUM };

static void give(const ddla_replica_view *v, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) v->given[k] = v->global[k] - v->theta[k];
}

static void take(const ddla_replica_view *v, int64_t begin, int64_t end) {
  const float rate = (float)v->rule->outer_learning_rate, mu = (float)v->rule->outer_momentum;
  const float own = v->mixing, other = 1 - own;
  float *momentum = v->own[MOMENTUM];
  for (int64_t k = begin; k < end; k++) {
    momentum[k] = mu * momentum[k] + v->mean[k];
    v->global[k] = v->global[k] - rate * (v->mean[k] + mu * momentum[k]);
    v->theta[k] = own * v->theta[k] + other * v->global[k];
  }
}

static const ddla_replica_method method = {.give = give, .take = take, .streams = true};

static ddla_status streaming_open(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_replica_open(out, &ddla_strategy_streaming, &method, options);
}

static const ddla_strategy_array arrays[] = {DDLA_REPLICA_ARRAYS_APART,
                                             {.name = "outer_momentum", .saved = true}};

const ddla_strategy ddla_strategy_streaming = {
    .mode = "accumulated",
    .method = "streaming",
    .help = "diloco in fragments that are exchanged while replicas go on",
    .open = streaming_open,
    .apart = true,
    .streams = true,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    DDLA_REPLICA_SLOTS};
