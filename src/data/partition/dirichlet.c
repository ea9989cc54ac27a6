/* The labels' shares of a part are drawn from a Dirichlet distribution: Hsu, Qi, Brown 2019,
 * arXiv:1909.06335. With p the labels' shares of all samples, each part draws q from
 * Dirichlet(alpha p), and then its samples: a label by q, and one of that label's samples that
 * nobody has yet. Parts have equal sizes up to one. A large alpha makes every q equal p, a small
 * one leaves a part one label. (Others draw from Dirichlet(alpha, …, alpha), which is this with
 * alpha times the number of labels, where these are equally frequent.)
 *
 * A label that has run out is drawn no more. A part all of whose labels have run out draws q anew,
 * with p the shares of what is left. Differences: in the paper's code such a label's weight is
 * given to the part's others, however small they are, and each part fills itself before the next
 * one begins, so that the last one gets what nobody wanted; here parts take samples in turns.
 *
 * Gamma variates by Marsaglia and Tsang 2000 (doi:10.1145/358407.358414), kept as logarithms: for
 * an alpha of 0.01 they leave the range of double. Shares are rounded to whole multiples of 2^-30
 * before anything is drawn by them, so that a last bit of a logarithm decides nothing. */
#include <math.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/partition.h"

extern const ddla_partition_kind ddla_partition_dirichlet;

/* Of one part: weights of the labels, and their sums up to and with each. */
typedef struct drawer {
  ddla_rng shares, turns;
  uint64_t *weight, *until; /* [labels] */
  double *share;            /* [labels] room */
  double alpha;
} drawer;

/* In (0, 1). */
static double open_uniform(ddla_rng *rng) {
  return ((double)(ddla_rng_u64(rng) >> 11) + 0.5) * 0x1p-53;
}

/* Logarithm of a gamma variate. Below a shape of 1: that of shape + 1, times u^(1 / shape). */
static double log_gamma(ddla_rng *rng, double shape) {
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    const double x = (double)ddla_rng_normal(rng), u = open_uniform(rng);
    const double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
    if (v <= 0 || log(u) >= 0.5 * x * x + d * (1 - v + log(v))) continue;
    return log(d * v) + (shape < 1 ? log(open_uniform(rng)) / shape : 0);
  }
}

static void add_up(const drawer *of, int labels) {
  uint64_t sum = 0;
  for (int l = 0; l < labels; l++) of->until[l] = sum += of->weight[l];
}

/* Of the samples of label l, those from next[l] to end[l] are left. */
static void draw_weights(drawer *of, const int64_t *next, const int64_t *end, int labels) {
  double most = -INFINITY, sum = 0;
  int64_t left = 0;
  for (int l = 0; l < labels; l++) left += end[l] - next[l];
  for (int l = 0; l < labels; l++) {
    const double prior = (double)(end[l] - next[l]) / (double)left;
    of->share[l] = prior > 0 ? log_gamma(&of->shares, of->alpha * prior) : -INFINITY;
    if (of->share[l] > most) most = of->share[l];
  }
  for (int l = 0; l < labels; l++) sum += of->share[l] = exp(of->share[l] - most);
  for (int l = 0; l < labels; l++) of->weight[l] = (uint64_t)llround(of->share[l] / sum * 0x1p30);
  add_up(of, labels);
}

/* The first label whose weights end behind `at`. */
static int find_label(const drawer *of, int labels, uint64_t at) {
  int low = 0, high = labels - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (of->until[middle] > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/* The label of the part's next sample, one that has some left. */
static int draw_label(drawer *of, const int64_t *next, const int64_t *end, int labels) {
  for (;;) {
    if (of->until[labels - 1] == 0) draw_weights(of, next, end, labels);
    const int label = find_label(of, labels, ddla_rng_below(&of->turns, of->until[labels - 1]));
    if (next[label] < end[label]) return label;
    of->weight[label] = 0;
    add_up(of, labels);
  }
}

/* Samples by label, and how far each label's have been drawn. */
typedef struct deck {
  int64_t *sample, *first, *next;
} deck;

static void take_turns(int32_t *owner, drawer *drawers, const deck *of,
                       const ddla_partition_samples *samples, int parts) {
  for (int l = 0; l < samples->labels; l++) of->next[l] = of->first[l];
  for (int64_t i = 0; i < samples->count; i++) {
    const int part = (int)(i % parts);
    const int label = draw_label(&drawers[part], of->next, of->first + 1, samples->labels);
    owner[of->sample[of->next[label]++]] = part;
  }
}

static ddla_status draw(int32_t *owner, const deck *of, const ddla_partition_samples *samples,
                        const ddla_partition_rule *rule) {
  const int64_t labels = samples->labels;
  drawer drawers[DDLA_PARTS_MAX];
  uint64_t *weights = NULL;
  double *share = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(weights, 2 * labels * rule->parts));
  DDLA_TRY_CLEAN(status, DDLA_NEW(share, labels));
  for (int p = 0; p < rule->parts; p++) {
    uint64_t *room = weights + 2 * labels * p;
    drawers[p] =
        (drawer){.shares = ddla_rng_make(ddla_partition_key(rule->seed, DDLA_PARTITION_SHARES, p)),
                 .turns = ddla_rng_make(ddla_partition_key(rule->seed, DDLA_PARTITION_TURNS, p)),
                 .weight = room,
                 .until = room + labels,
                 .share = share,
                 .alpha = rule->alpha};
    draw_weights(&drawers[p], of->first, of->first + 1, samples->labels);
  }
  take_turns(owner, drawers, of, samples, rule->parts);
cleanup:
  ddla_free(share);
  ddla_free(weights);
  return status;
}

static ddla_status assign(int32_t *owner, const ddla_partition_samples *samples,
                          const ddla_partition_rule *rule) {
  deck of = {NULL, NULL, NULL};
  ddla_status status = DDLA_OK;
  if (!(rule->alpha > 0))
    return DDLA_FAIL(INVALID, "an alpha of %g; it must be above 0", rule->alpha);
  DDLA_TRY_CLEAN(status, DDLA_NEW(of.sample, samples->count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(of.first, samples->labels + 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(of.next, samples->labels));
  ddla_partition_sort(of.sample, of.first, samples, rule->seed);
  DDLA_TRY_CLEAN(status, draw(owner, &of, samples, rule));
cleanup:
  ddla_free(of.next);
  ddla_free(of.first);
  ddla_free(of.sample);
  return status;
}

const ddla_partition_kind ddla_partition_dirichlet = {
    .name = "dirichlet",
    .help = "labels' shares drawn from a Dirichlet distribution of data.partition_alpha",
    .mend = "make fewer parts",
    .needs_labels = true,
    .assign = assign};
