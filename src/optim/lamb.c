/* LAMB (You et al. 2019, "Large batch optimization for deep learning: training BERT in 76 minutes",
 * arXiv:1904.00962, algorithm 2, phi(x) = x): Adam whose step is as long as the tensor it changes.
 *
 *   g = scale * gradient
 *   m = m + (1 - beta1) * (g - m)
 *   v = beta2 * v + (1 - beta2) * g * g
 *   r = m / (1 - beta1^step) / (sqrt(v) / sqrt(1 - beta2^step) + epsilon) + decay * theta
 *   theta = theta - rate * |theta| / |r| * r          norms over the tensor
 *
 * The factor |theta| / |r| is 1 where one of the norms is 0, and for vectors, such as biases, which
 * start at zero and could not leave it: so do the authors' own programs. */
#include <math.h>

#include "optim/norm.h"
#include "optim/optimizer.h"

DDLA_ISA_BODY direction_body(const ddla_update *u) {
  const ddla_optimizer_options *o = u->options;
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate1 = (float)(1 - o->beta1), beta2 = (float)o->beta2, rate2 = (float)(1 - o->beta2);
  const float unbias1 = (float)(1 / (1 - ddla_optimizer_power(o->beta1, u->step)));
  const float unbias2 = (float)(1 / sqrt(1 - ddla_optimizer_power(o->beta2, u->step)));
  const float epsilon = (float)o->epsilon;
  const float *gradient = u->gradient, *theta = u->theta, *mean = u->moment[0],
              *square = u->moment[1];
  float *direction = u->theta_next, *mean_next = u->moment_next[0],
        *square_next = u->moment_next[1];
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float g = scale * gradient[i];
    float m = mean[i] + rate1 * (g - mean[i]);
    float v = beta2 * square[i] + rate2 * g * g;
    mean_next[i] = m;
    square_next[i] = v;
    direction[i] = unbias1 * m / (sqrtf(v) * unbias2 + epsilon) + decay * theta[i];
  }
}

DDLA_ISA_BODY apply_body(const ddla_update *u) {
  const double length = sqrt(u->tensor->sums[0]), step = sqrt(u->tensor->sums[1]);
  const bool adapts = u->tensor->columns > 0 && length > 0 && step > 0;
  const float rate = (float)(u->learning_rate * (adapts ? length / step : 1));
  const float *theta = u->theta;
  float *theta_next = u->theta_next;
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) theta_next[i] = theta[i] - rate * theta_next[i];
}

DDLA_ISA_FUNCTION(direction_isa, direction_body, ddla_update)
DDLA_ISA_FUNCTION(apply_isa, apply_body, ddla_update)

static void direction(const ddla_update *u) {
  direction_isa(u->isa, u);
  ddla_norm_block_sums(&u->sums[0], u->theta, u->count, u->isa);
  ddla_norm_block_sums(&u->sums[1], u->theta_next, u->count, u->isa);
}

static void apply(const ddla_update *u) { apply_isa(u->isa, u); }

const ddla_optimizer ddla_optimizer_lamb = {
    .name = "lamb",
    .help = "Adam with steps as long as the tensors they change, for large batches; options beta1, "
            "beta2, epsilon, weight_decay",
    .moment_count = 2,
    .moment_names = {"mean", "square"},
    .direction = direction,
    .apply = apply};
