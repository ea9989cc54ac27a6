/* SCAFFOLD (Karimireddy et al. 2020, arXiv:1910.06378, algorithm 1 with option II, all clients in
 * every round): a replica knows where its data draw it, c_i, and where all data do, c, and corrects
 * the gradients of its local steps by the difference.
 *
 *   local steps:   g becomes g - c_i + c
 *   an exchange:   c_i' = mean of g over the K steps since the last one
 *                  c = c + mean(c_i' - c_i),  c_i = c_i'
 *
 * What replicas have gone is exchanged as the method says, and c_i' - c_i in a second mean behind
 * it: twice the bytes. c_i is each replica's own and c the same on all; both are in checkpoints.
 *
 * Option II is c_i' = c_i - c + (z - theta_i) / (K rate). With plain steps of one rate that is the
 * mean of g, up to rounding; with momentum, Adam, decay or a schedule it is not, and the mean of g
 * is what control variates stand for. So g is added up, behind clipping, and any optimizer will do.
 *
 * Further differences: the paper's global rate is `average`'s 1, or `diloco`'s outer step; a step
 * in which a replica had no samples (a short last batch) counts as one with g = 0. */
#include <stddef.h>

#include "sync/heterogeneity.h"

extern const ddla_heterogeneity ddla_heterogeneity_scaffold;

enum { CONTROL, ALL_CONTROL, SUM };

static const char *const methods[] = {"average", "diloco", NULL};

static ddla_sync_pull pull(const ddla_heterogeneity_view *v) {
  return (ddla_sync_pull){
      .plus = v->own[ALL_CONTROL], .minus = v->own[CONTROL], .sum = v->own[SUM]};
}

static void give(const ddla_heterogeneity_view *v, int64_t begin, int64_t end) {
  const float steps = (float)v->steps;
  for (int64_t k = begin; k < end; k++) v->given[k] = v->own[SUM][k] / steps - v->own[CONTROL][k];
}

static void take(const ddla_heterogeneity_view *v, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) {
    v->own[CONTROL][k] = v->own[CONTROL][k] + v->given[k];
    v->own[ALL_CONTROL][k] = v->own[ALL_CONTROL][k] + v->mean[k];
    v->own[SUM][k] = 0;
  }
}

/* Of another number of replicas each begins with the mean, which is c: with no correction. */
static const ddla_strategy_array arrays[] = {
    {.name = "control", .saved = true, .own = true, .merges = true},
    {.name = "all_control", .saved = true},
    {.name = "control_sum", .own = true}};

const ddla_heterogeneity ddla_heterogeneity_scaffold = {
    .name = "scaffold",
    .help = "control variates correct local steps for what a replica's data have of their own",
    .methods = methods,
    .reason =
        "a control variate is the mean gradient since replicas were alike, and with streaming, "
        "elastic and admm they stay apart",
    .exact = true,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .pull = pull,
    .give = give,
    .take = take};
