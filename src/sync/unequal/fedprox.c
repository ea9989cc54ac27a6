/* FedProx (Li et al. 2020, arXiv:1812.06127): local steps minimise
 *
 *   L_i(theta) + (mu / 2) |theta - z|^2
 *
 * with z the global model of the last exchange, so that replicas whose data differ do not go too
 * far from each other. The term's gradient mu (theta - z) is added to the batch's behind clipping.
 * mu is sync.proximal; the paper looks for it among 0.001, 0.01, 0.1 and 1.
 *
 * Differences: all replicas take part in every exchange and make equally many steps, and count
 * alike; the local solver is the run's optimizer, with its moments. With `streaming` z is what the
 * outer steps have made of each fragment so far. */
#include <stddef.h>

#include "sync/heterogeneity.h"

extern const ddla_heterogeneity ddla_heterogeneity_fedprox;

static const char *const methods[] = {"average", "diloco", "streaming", NULL};

static ddla_sync_pull pull(const ddla_heterogeneity_view *v) {
  return (ddla_sync_pull){.target = v->global, .weight = &v->rule->proximal};
}

const ddla_heterogeneity ddla_heterogeneity_fedprox = {
    .name = "fedprox",
    .help = "local steps are drawn to the global model by a proximal term, sync.proximal",
    .methods = methods,
    .reason = "elastic and admm have terms of their own that draw replicas together",
    .pull = pull};
