/* Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms", arXiv:2302.06675,
 * program 1): every element moves by the rate, in the direction that a mean of gradients points to.
 *
 *   g = scale * gradient
 *   c = m + (1 - beta1) * (g - m)
 *   m = m + (1 - beta2) * (g - m)
 *   theta = theta * (1 - rate * decay) - rate * sign(c)          sign(0) = 0
 *
 * The paper takes beta1 0.9, beta2 0.99, and a rate 3 to 10 times smaller than AdamW's with a
 * weight decay as much larger. */
#include "optim/optimizer.h"

DDLA_ISA_BODY body(const ddla_update *u) {
  const ddla_optimizer_options *o = u->options;
  const float scale = (float)u->gradient_scale, rate = (float)u->learning_rate;
  const float keep = (float)(1 - u->learning_rate * u->weight_decay);
  const float rate1 = (float)(1 - o->beta1), rate2 = (float)(1 - o->beta2);
  const float *gradient = u->gradient, *theta = u->theta, *mean = u->moment[0];
  float *theta_next = u->theta_next, *mean_next = u->moment_next[0];
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float difference = scale * gradient[i] - mean[i];
    float c = mean[i] + rate1 * difference;
    float move = c > 0 ? rate : c < 0 ? -rate : 0;
    mean_next[i] = mean[i] + rate2 * difference;
    theta_next[i] = theta[i] * keep - move;
  }
}

DDLA_ISA_FUNCTION(update_isa, body, ddla_update)

static void update(const ddla_update *u) { update_isa(u->isa, u); }

const ddla_optimizer ddla_optimizer_lion = {
    .name = "lion",
    .help = "the sign of a mean of gradients; options beta1, beta2, weight_decay",
    .moment_count = 1,
    .moment_names = {"mean"},
    .update = update};
