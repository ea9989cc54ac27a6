/* Streaming DiLoCo (Douillard et al. 2025, arXiv:2501.18512): the model is exchanged in fragments,
 * each at a place of its own in the interval, while replicas go on computing; `delay` steps later
 * the outer step of DiLoCo is made on the fragment, and what replicas have done meanwhile is mixed
 * in.
 *
 *   behind the fragment's step:      d_i = global - theta_i
 *   `delay` steps later:             p_i = theta_i - (global - d_i), what the delay's steps did
 *                                    m = momentum m + mean(d_i)
 *                                    global = global - rate (mean(d_i) + momentum m)
 *                                    theta_i = mixing theta_i + (1 - mixing) (global + carry p_i)
 *
 * All of a fragment only. The paper's mixing is 0.5, and it has no carry, so that a part of the
 * delay's steps is lost. With mixing 0 and carry 1 none is: replicas go on from the global model as
 * if their steps had been made there, as in DaSGD and LOSCAR-SGD (Maziane et al. 2026,
 * arXiv:2605.20866). Fragment f of F leaves behind step interval (f + 1) / F of every interval.
 * Replicas stay apart; the global model is what the outer steps have made so far.
 *
 * Differences: fragments are contiguous pieces of the parameter space of equal size, not sets of
 * layers; a fragment is merged before the next one leaves; the run ends with an exchange of all
 * fragments behind which replicas are equal. Where replicas are weighted, what is left of d_i here
 * is what was given over the weight, up to rounding. */
#include "sync/replica/replica.h"

extern const ddla_strategy ddla_strategy_streaming;

enum { MOMENTUM };

static void give(const ddla_replica_view *v, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) v->given[k] = v->global[k] - v->theta[k];
}

static void take(const ddla_replica_view *v, int64_t begin, int64_t end) {
  const float rate = (float)v->rule->outer_learning_rate, mu = (float)v->rule->outer_momentum;
  const float own = v->mixing, other = 1 - own, carry = v->carry;
  float *momentum = v->own[MOMENTUM];
  for (int64_t k = begin; k < end; k++) {
    const float done = v->theta[k] - (v->global[k] - v->given[k] / v->weight);
    momentum[k] = mu * momentum[k] + v->mean[k];
    v->global[k] = v->global[k] - rate * (v->mean[k] + mu * momentum[k]);
    v->theta[k] = own * v->theta[k] + other * (v->global[k] + carry * done);
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
    .trials = "interval=32",
    .open = streaming_open,
    .apart = true,
    .streams = true,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    DDLA_REPLICA_SLOTS};
