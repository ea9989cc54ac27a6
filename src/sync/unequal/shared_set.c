/* A small set of samples that every replica has beside its own (Zhao et al. 2018, arXiv:1806.00582,
 * section 4): sync.shared_fraction of all training samples, drawn once by train.seed, so that no
 * replica is without any label. 0.05 was enough there to gain 30 points on CIFAR-10 with one label
 * for each client. Who owns them shows them to all: not for data that must stay where they are.
 *
 * Differences: the paper takes the shared set away from what is divided, and gives each client a
 * random part of it; here it is divided as all else, and each replica has the whole of it besides.
 * The paper's model has seen the shared set alone before clients begin; here it has not. */
#include "sync/heterogeneity.h"

extern const ddla_heterogeneity ddla_heterogeneity_shared_set;

const ddla_heterogeneity ddla_heterogeneity_shared_set = {
    .name = "shared-set",
    .help = "sync.shared_fraction of all samples is in every replica's part besides",
    .owned = true,
    .spreads = true};
