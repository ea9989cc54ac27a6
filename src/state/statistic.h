/* Statistics: what training observes of its samples besides gradients, for model state that is not
 * trained. A micro-batch leaves a record of C channels: the number of rows, C means, C sums of
 * squared deviations from them, all double. Records are merged pairwise (Chan, Golub and LeVeque
 * 1979, "Updating formulae and a pairwise algorithm for computing sample variances"), over the
 * shards of a step in the fixed tree, so that the bits do not depend on who computed what; then the
 * running values move towards them once per step. */
#ifndef DDLA_STATE_STATISTIC_H
#define DDLA_STATE_STATISTIC_H

#include <stdbool.h>
#include <stdint.h>

/* One statistic of a model: where its record and its two running values lie. */
typedef struct ddla_statistic {
  int64_t channels;
  int64_t record;         /* its first double in a shard's records */
  int64_t mean, variance; /* first elements in the buffer space, [channels] each */
  double momentum;        /* the share of a running value that a step replaces, 0 to 1 */
} ddla_statistic;

/* Doubles of a record of so many channels. */
int64_t ddla_statistic_count(int64_t channels);

/* into = into and from together. Records of no rows change nothing. */
void ddla_statistic_merge(double *into, const double *from, int64_t channels);

/* Version t + 1 of the two running values in `next` from version t in `now` (both whole buffer
 * spaces): r + momentum * (observed - r), computed in double. What was observed is the merge of the
 * `shards` records at records[s * stride + statistic->record] in the fixed tree (split at the
 * largest power of two below the number of shards). The observed variance is the unbiased one,
 * divided by rows - 1, as in PyTorch; of fewer than two rows the running variance stays. Any
 * thread; statistics are independent of each other. */
void ddla_statistic_apply(float *next, const float *now, const ddla_statistic *statistic,
                          const double *records, int64_t stride, int shards);

#endif
