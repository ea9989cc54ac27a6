/* DiLoCo: the mean of what replicas have gone since the last exchange is the gradient of an outer
 * optimizer, Nesterov's SGD (Douillard et al. 2023, arXiv:2311.08105; without momentum, FedOpt's
 * server step of Reddi et al. 2020, arXiv:2003.00295).
 *
 *   d_i = global - theta_i
 *   m = momentum m + mean(d_i)
 *   global = global - rate (mean(d_i) + momentum m)
 *   theta_i = global
 *
 * The outer rate is 0.7 and the momentum 0.9 in the paper. With rate 1 and momentum 0 this is
 * method average, bit for bit. Inner moments stay each replica's own, as there. Difference: the
 * rate is constant; the paper's rate of the inner optimizer follows a schedule as any run's. */
#include "sync/replica/replica.h"

extern const ddla_strategy ddla_strategy_diloco;

enum { MOMENTUM };

static void give(const ddla_replica_view *v, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) v->given[k] = v->global[k] - v->theta[k];
}

static void take(const ddla_replica_view *v, int64_t begin, int64_t end) {
  const float rate = (float)v->rule->outer_learning_rate, mu = (float)v->rule->outer_momentum;
  float *momentum = v->own[MOMENTUM];
  for (int64_t k = begin; k < end; k++) {
    momentum[k] = mu * momentum[k] + v->mean[k];
    v->global[k] = v->global[k] - rate * (v->mean[k] + mu * momentum[k]);
    v->theta[k] = v->global[k];
  }
}

static const ddla_replica_method method = {.give = give, .take = take};

static ddla_status diloco_open(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_replica_open(out, &ddla_strategy_diloco, &method, options);
}

static const ddla_strategy_array arrays[] = {DDLA_REPLICA_ARRAYS,
                                             {.name = "outer_momentum", .saved = true}};

const ddla_strategy ddla_strategy_diloco = {
    .mode = "accumulated",
    .method = "diloco",
    .help = "the mean of what replicas have gone is the gradient of an outer optimizer with "
            "momentum",
    .trials = "interval=32,interval=32+codec=int8",
    .open = diloco_open,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    DDLA_REPLICA_SLOTS};
