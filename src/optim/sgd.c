/* Stochastic gradient descent with momentum, Nesterov momentum and weight decay, in the form of
 * PyTorch's SGD (Sutskever et al. 2013, "On the importance of initialization and momentum in deep
 * learning"), dampening 0:
 *
 *   d = scale * g + decay * theta      weight decay is part of the gradient here
 *   m = momentum * m + d               starts from zero, so the first m is d, as in PyTorch
 *   theta = theta - rate * m           or, Nesterov: theta - rate * (d + momentum * m) */
#include "optim/optimizer.h"

DDLA_ISA_BODY plain_body(const ddla_update *u) {
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate = (float)u->learning_rate;
  const float *gradient = u->gradient, *theta = u->theta;
  float *theta_next = u->theta_next;
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float d = scale * gradient[i] + decay * theta[i];
    theta_next[i] = theta[i] - rate * d;
  }
}

DDLA_ISA_BODY momentum_body(const ddla_update *u) {
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate = (float)u->learning_rate, momentum = (float)u->options->momentum;
  const float *gradient = u->gradient, *theta = u->theta, *moment = u->moment[0];
  float *theta_next = u->theta_next, *moment_next = u->moment_next[0];
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float d = scale * gradient[i] + decay * theta[i];
    float m = momentum * moment[i] + d;
    moment_next[i] = m;
    theta_next[i] = theta[i] - rate * m;
  }
}

DDLA_ISA_BODY nesterov_body(const ddla_update *u) {
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate = (float)u->learning_rate, momentum = (float)u->options->momentum;
  const float *gradient = u->gradient, *theta = u->theta, *moment = u->moment[0];
  float *theta_next = u->theta_next, *moment_next = u->moment_next[0];
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float d = scale * gradient[i] + decay * theta[i];
    float m = momentum * moment[i] + d;
    moment_next[i] = m;
    theta_next[i] = theta[i] - rate * (d + momentum * m);
  }
}

DDLA_ISA_FUNCTION(update_plain, plain_body, ddla_update)
DDLA_ISA_FUNCTION(update_momentum, momentum_body, ddla_update)
DDLA_ISA_FUNCTION(update_nesterov, nesterov_body, ddla_update)

static void update(const ddla_update *u) {
  if (u->options->momentum == 0) update_plain(u->isa, u);
  else if (u->options->nesterov) update_nesterov(u->isa, u);
  else update_momentum(u->isa, u);
}

static int moments(const ddla_optimizer_options *options) { return options->momentum == 0 ? 0 : 1; }

const ddla_optimizer ddla_optimizer_sgd = {
    .name = "sgd",
    .help = "stochastic gradient descent; options momentum, nesterov, weight_decay",
    .moment_count = 1,
    .moment_names = {"momentum"},
    .moments = moments,
    .update = update};
