/* Adam with decoupled weight decay (Loshchilov and Hutter 2019, "Decoupled weight decay
 * regularization", arXiv:1711.05101, algorithm 2), in the form of PyTorch's AdamW:
 *
 *   g = scale * gradient
 *   m = m + (1 - beta1) * (g - m)
 *   v = beta2 * v + (1 - beta2) * g * g
 *   theta = theta * (1 - rate * decay) - rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 -
 * beta2^step) + epsilon)
 *
 * What does not depend on the element is computed in double and rounded once. */
#include <math.h>

#include "optim/optimizer.h"

DDLA_ISA_BODY body(const ddla_update *u) {
  const ddla_optimizer_options *o = u->options;
  const float scale = (float)u->gradient_scale;
  const float keep = (float)(1 - u->learning_rate * u->weight_decay);
  const float rate1 = (float)(1 - o->beta1), beta2 = (float)o->beta2, rate2 = (float)(1 - o->beta2);
  const float step_size = (float)(u->learning_rate / (1 - ddla_optimizer_power(o->beta1, u->step)));
  const float unbias = (float)(1 / sqrt(1 - ddla_optimizer_power(o->beta2, u->step)));
  const float epsilon = (float)o->epsilon;
  const float *gradient = u->gradient, *theta = u->theta, *mean = u->moment[0],
              *square = u->moment[1];
  float *theta_next = u->theta_next, *mean_next = u->moment_next[0],
        *square_next = u->moment_next[1];
  const int64_t count = u->count;
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < count; i++) {
    float g = scale * gradient[i];
    float m = mean[i] + rate1 * (g - mean[i]);
    float v = beta2 * square[i] + rate2 * g * g;
    float denominator = sqrtf(v) * unbias + epsilon;
    mean_next[i] = m;
    square_next[i] = v;
    theta_next[i] = theta[i] * keep - step_size * m / denominator;
  }
}

DDLA_ISA_FUNCTION(update_isa, body, ddla_update)

static void update(const ddla_update *u) { update_isa(u->isa, u); }

const ddla_optimizer ddla_optimizer_adamw = {
    .name = "adamw",
    .help = "Adam with decoupled weight decay; options beta1, beta2, epsilon, weight_decay",
    .moment_count = 2,
    .moment_names = {"mean", "square"},
    .update = update};
