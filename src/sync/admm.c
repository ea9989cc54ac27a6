/* Consensus ADMM (Boyd et al. 2011, Distributed Optimization and Statistical Learning via the
 * Alternating Direction Method of Multipliers, section 7.1, scaled form; doi:10.1561/2200000016):
 * minimise the sum of the replicas' losses L_i(theta_i) subject to theta_i = z for all.
 *
 *   theta_i: `interval` steps on L_i + (penalty / 2) |theta_i - z + u_i|^2
 *   z = mean(theta_i + u_i)
 *   u_i = u_i + theta_i - z
 *
 * z is the global model. The term's gradient, penalty (theta_i - z + u_i), is added to the batch's
 * behind clipping (ddla_sync_pull). Residuals, with N replicas and z_old from before:
 *
 *   primal r = sqrt(sum |theta_i - z|^2)        dual s = penalty sqrt(N) |z - z_old|
 *
 * With `penalty_ratio` mu above 0 (Boyd 3.4.1: 10) the penalty is doubled where r > mu s and halved
 * where s > mu r, and u_i scaled the other way.
 *
 * Differences: theta_i is not minimised but moved by some steps of the run's optimizer on batches
 * of the replica's part, which has other samples in each epoch, so that residuals fall to that
 * noise; z travels as the mean of z_old - theta_i - u_i. L_i is a mean over samples, so the penalty
 * compares with a mean loss. */
#include <math.h>

#include "optim/norm.h"
#include "sync/replica/replica.h"

extern const ddla_strategy ddla_strategy_admm;

enum { DUAL };                                    /* own arrays */
enum { PENALTY, PRIMAL_RESIDUAL, DUAL_RESIDUAL }; /* numbers */

static void initial(double *numbers, const ddla_sync_rule *rule) {
  numbers[PENALTY] = rule->penalty;
}

static void give(const ddla_replica_view *v, int64_t begin, int64_t end) {
  const float *dual = v->own[DUAL];
  for (int64_t k = begin; k < end; k++) v->given[k] = v->global[k] - (v->theta[k] + dual[k]);
}

/* Leaves theta - z in `given` and z - z_old in `mean`, whose norms are the residuals. */
static void take(const ddla_replica_view *v, int64_t begin, int64_t end) {
  float *dual = v->own[DUAL];
  for (int64_t k = begin; k < end; k++) {
    const float old = v->global[k];
    v->global[k] = old - v->mean[k];
    v->given[k] = v->theta[k] - v->global[k];
    v->mean[k] = v->global[k] - old;
    dual[k] = dual[k] + v->given[k];
  }
}

static void sums(const ddla_replica_view *v, int64_t begin, int64_t end) {
  const int64_t first = begin / DDLA_NORM_BLOCK;
  ddla_norm_block_sums(v->block_sums[0] + first, v->given + begin, end - begin, DDLA_ISA_BEST);
  ddla_norm_block_sums(v->block_sums[1] + first, v->mean + begin, end - begin, DDLA_ISA_BEST);
}

/* total: the sums of squares over all replicas; of the second array each has the same. */
static void residuals(double *numbers, const ddla_replica_view *v, const double *total) {
  const double primal = sqrt(total[0]);
  const double dual = v->numbers[PENALTY] * sqrt(total[1]), mu = v->rule->penalty_ratio;
  numbers[PENALTY] = v->numbers[PENALTY];
  numbers[PRIMAL_RESIDUAL] = primal;
  numbers[DUAL_RESIDUAL] = dual;
  if (mu <= 0) return;
  if (primal > mu * dual) numbers[PENALTY] *= 2;
  else if (dual > mu * primal) numbers[PENALTY] /= 2;
}

/* The dual is scaled by the penalty: where that has changed it follows. */
static void conclude(const ddla_replica_view *v, const double *numbers, int64_t begin,
                     int64_t end) {
  const float scale = (float)(v->numbers[PENALTY] / numbers[PENALTY]);
  float *dual = v->own[DUAL];
  for (int64_t k = begin; k < end && scale != 1; k++) dual[k] *= scale;
}

static const ddla_replica_method method = {.give = give,
                                           .take = take,
                                           .sums = sums,
                                           .numbers = residuals,
                                           .conclude = conclude,
                                           .pulls = true,
                                           .pull_offset = DUAL,
                                           .pull_weight = PENALTY};

static ddla_status admm_open(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_replica_open(out, &ddla_strategy_admm, &method, options);
}

static const ddla_strategy_array arrays[] = {
    DDLA_REPLICA_ARRAYS_APART, {.name = "dual", .saved = true, .own = true, .merges = true}};
static const char *const numbers[] = {"penalty", "primal_residual", "dual_residual"};

const ddla_strategy ddla_strategy_admm = {
    .mode = "accumulated",
    .method = "admm",
    .help = "replicas minimise their own losses under the constraint that they agree (ADMM)",
    .open = admm_open,
    .initial = initial,
    .apart = true,
    .sums = true,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .numbers = numbers,
    .number_count = sizeof numbers / sizeof numbers[0],
    DDLA_REPLICA_SLOTS};
