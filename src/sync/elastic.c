/* Elastic averaging SGD: replicas keep models of their own, drawn towards a centre, and the centre
 * towards their mean (Zhang, Choromanska, LeCun 2015, arXiv:1412.6651, the synchronous form of
 * equations 3 and 4, with a communication period).
 *
 *   d_i = centre - theta_i
 *   theta_i = theta_i + (rate / replicas) d_i
 *   centre = centre - rate mean(d_i)
 *
 * `rate` is the paper's beta, 0.9 there, and rate / replicas its alpha: both sides give way alike.
 * The centre is the global model; theta_i stays apart from it. Difference: the elastic move comes
 * behind the interval's last step and is made from the parameters that this step has left; the
 * paper's takes them from before it. */
#include <math.h>
#include <string.h>

#include "optim/norm.h"
#include "sync/replica/replica.h"

extern const ddla_strategy ddla_strategy_elastic;

static void give(const ddla_replica_view *v, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; k++) v->given[k] = v->global[k] - v->theta[k];
}

/* Leaves theta - centre in `given`, for the sums. */
static void take(const ddla_replica_view *v, int64_t begin, int64_t end) {
  const float beta = (float)v->rule->moving_rate;
  const float alpha = (float)(v->rule->moving_rate / v->replicas);
  for (int64_t k = begin; k < end; k++) {
    v->theta[k] = v->theta[k] + alpha * (v->global[k] - v->theta[k]);
    v->global[k] = v->global[k] - beta * v->mean[k];
    v->given[k] = v->theta[k] - v->global[k];
  }
}

static void sums(const ddla_replica_view *v, int64_t begin, int64_t end) {
  const int64_t first = begin / DDLA_NORM_BLOCK;
  ddla_norm_block_sums(v->block_sums[0] + first, v->given + begin, end - begin, DDLA_ISA_BEST);
  memset(v->block_sums[1] + first, 0,
         (size_t)((end - begin) / DDLA_NORM_BLOCK) * sizeof *v->block_sums[1]);
}

/* How far replicas are from the centre: sqrt(sum |theta_i - centre|^2). */
static void residual(double *numbers, const ddla_replica_view *v, const double *total) {
  (void)v;
  numbers[0] = sqrt(total[0]);
}

static const ddla_replica_method method = {
    .give = give, .take = take, .sums = sums, .numbers = residual};

static ddla_status elastic_open(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_replica_open(out, &ddla_strategy_elastic, &method, options);
}

static const ddla_strategy_array arrays[] = {DDLA_REPLICA_ARRAYS_APART};
static const char *const numbers[] = {"primal_residual"};

const ddla_strategy ddla_strategy_elastic = {
    .mode = "accumulated",
    .method = "elastic",
    .help = "replicas keep models of their own, drawn towards a centre that follows their mean",
    .open = elastic_open,
    .apart = true,
    .arrays = arrays,
    .sums = true,
    .array_count = sizeof arrays / sizeof arrays[0],
    .numbers = numbers,
    .number_count = sizeof numbers / sizeof numbers[0],
    DDLA_REPLICA_SLOTS};
