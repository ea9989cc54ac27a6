/* What replicas give counts by the samples that they own, as in federated averaging (McMahan et al.
 * 2017, arXiv:1602.05629, algorithm 1): mean(d_i) becomes sum(n_i d_i) / n. So the model minimises
 * the mean loss of all samples; where replicas count alike, it is the mean of their mean losses,
 * and a sample of a small part counts more than one of a large part. Running values of batch norm
 * are weighted alike.
 *
 * Weights n_i N / n, for N replicas, are rounded to whole multiples of 2^-18 that add up to N
 * exactly, and a replica scales what it gives: all else is as ever, codecs too.
 *
 * Difference: in the paper a client with more samples makes more steps, as many passes over its
 * data as the others. Here all make the same number of steps of the same size (docs/concepts/
 * unequal-data.md), so that a replica with few samples goes through them more often. */
#include <stddef.h>

#include "sync/heterogeneity.h"

extern const ddla_heterogeneity ddla_heterogeneity_weighted;

static const char *const methods[] = {"average", "diloco", "streaming", NULL};

const ddla_heterogeneity ddla_heterogeneity_weighted = {
    .name = "weighted",
    .help = "replicas count by the samples that they own, in the mean",
    .methods = methods,
    .reason = "elastic draws replicas and centre to each other alike, and admm's constraints weigh "
              "alike",
    .owned = true,
    .weighs = true};
