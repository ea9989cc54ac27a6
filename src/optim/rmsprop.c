/* RMSprop (Tieleman and Hinton 2012, "Neural networks for machine learning", lecture 6.5; momentum
 * and the centred form after Graves 2013, "Generating sequences with recurrent neural networks",
 * arXiv:1308.0850), in the form of PyTorch's RMSprop, whose alpha is our beta2:
 *
 *   d = scale * gradient + decay * theta      weight decay is part of the gradient here
 *   v = beta2 * v + (1 - beta2) * d * d
 *   a = a + (1 - beta2) * (d - a)             centered only
 *   q = sqrt(v) + epsilon                     centered: sqrt(v - a * a) + epsilon
 *   b = momentum * b + d / q                  starts from zero
 *   theta = theta - rate * b
 *
 * We differ in one place: rounding can make v - a * a negative, and it then counts as 0 instead of
 * giving a NaN. Moments keep their places: the centred form without momentum has a momentum that
 * nobody reads. */
#include <math.h>

#include "optim/optimizer.h"

DDLA_ISA_BODY plain_body(const ddla_update *u) {
  const ddla_optimizer_options *o = u->options;
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate = (float)u->learning_rate, epsilon = (float)o->epsilon;
  const float beta2 = (float)o->beta2, rate2 = (float)(1 - o->beta2);
  const float *gradient = u->gradient, *theta = u->theta, *square = u->moment[0];
  float *theta_next = u->theta_next, *square_next = u->moment_next[0];
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float d = scale * gradient[i] + decay * theta[i];
    float v = beta2 * square[i] + rate2 * d * d;
    square_next[i] = v;
    theta_next[i] = theta[i] - rate * (d / (sqrtf(v) + epsilon));
  }
}

DDLA_ISA_BODY momentum_body(const ddla_update *u) {
  const ddla_optimizer_options *o = u->options;
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate = (float)u->learning_rate, epsilon = (float)o->epsilon;
  const float beta2 = (float)o->beta2, rate2 = (float)(1 - o->beta2);
  const float momentum = (float)o->momentum;
  const float *gradient = u->gradient, *theta = u->theta, *square = u->moment[0],
              *moment = u->moment[1];
  float *theta_next = u->theta_next, *square_next = u->moment_next[0],
        *moment_next = u->moment_next[1];
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float d = scale * gradient[i] + decay * theta[i];
    float v = beta2 * square[i] + rate2 * d * d;
    float b = momentum * moment[i] + d / (sqrtf(v) + epsilon);
    square_next[i] = v;
    moment_next[i] = b;
    theta_next[i] = theta[i] - rate * b;
  }
}

DDLA_ISA_BODY centered_body(const ddla_update *u) {
  const ddla_optimizer_options *o = u->options;
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate = (float)u->learning_rate, epsilon = (float)o->epsilon;
  const float beta2 = (float)o->beta2, rate2 = (float)(1 - o->beta2);
  const float momentum = (float)o->momentum;
  const float *gradient = u->gradient, *theta = u->theta, *square = u->moment[0],
              *moment = u->moment[1], *mean = u->moment[2];
  float *theta_next = u->theta_next, *square_next = u->moment_next[0],
        *moment_next = u->moment_next[1], *mean_next = u->moment_next[2];
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float d = scale * gradient[i] + decay * theta[i];
    float v = beta2 * square[i] + rate2 * d * d;
    float a = mean[i] + rate2 * (d - mean[i]);
    float spread = v - a * a;
    float b = momentum * moment[i] + d / (sqrtf(spread > 0 ? spread : 0) + epsilon);
    square_next[i] = v;
    mean_next[i] = a;
    moment_next[i] = b;
    theta_next[i] = theta[i] - rate * b;
  }
}

DDLA_ISA_FUNCTION(update_plain, plain_body, ddla_update)
DDLA_ISA_FUNCTION(update_momentum, momentum_body, ddla_update)
DDLA_ISA_FUNCTION(update_centered, centered_body, ddla_update)

static void update(const ddla_update *u) {
  if (u->options->centered) update_centered(u->isa, u);
  else if (u->options->momentum > 0) update_momentum(u->isa, u);
  else update_plain(u->isa, u);
}

static int moments(const ddla_optimizer_options *options) {
  return options->centered ? 3 : options->momentum > 0 ? 2 : 1;
}

const ddla_optimizer ddla_optimizer_rmsprop = {
    .name = "rmsprop",
    .help = "gradients over the root of their mean square; options beta2, epsilon, momentum, "
            "centered, weight_decay",
    .moment_count = 3,
    .moment_names = {"square", "momentum", "mean"},
    .moments = moments,
    .update = update};
