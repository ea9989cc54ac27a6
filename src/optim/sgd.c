/* Stochastic gradient descent with momentum, Nesterov momentum and weight decay, in the form of
 * PyTorch's SGD (Sutskever et al. 2013, "On the importance of initialization and momentum in deep
 * learning"), dampening 0:
 *
 *   d = scale * g + decay * theta      weight decay is part of the gradient here
 *   m = momentum * m + d               starts from zero, so the first m is d, as in PyTorch
 *   theta = theta - rate * m           or, Nesterov: theta - rate * (d + momentum * m)
 *
 * Gradients that come n steps late have missed n parts of the momentum, which their step makes up
 * for (Kosson et al. 2021, "Pipelined Backpropagation at Scale", spike compensation), so that
 * parameters get to where they would be without the delay; Nesterov's form is n = 1:
 *
 *   theta = theta - rate * ((1 + momentum + ... + momentum^(n-1)) * d + momentum^n * m) */
#include "optim/optimizer.h"

static int steps_late(const ddla_optimizer_options *options) {
  return options->nesterov + options->gradient_delay;
}

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

DDLA_ISA_BODY late_body(const ddla_update *u) {
  const float scale = (float)u->gradient_scale, decay = (float)u->weight_decay;
  const float rate = (float)u->learning_rate, momentum = (float)u->options->momentum;
  const float *gradient = u->gradient, *theta = u->theta, *moment = u->moment[0];
  float *theta_next = u->theta_next, *moment_next = u->moment_next[0];
  float missed = 0, left = 1;
  for (int n = steps_late(u->options); n > 0; n--) missed += left, left *= momentum;
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) {
    float d = scale * gradient[i] + decay * theta[i];
    float m = momentum * moment[i] + d;
    moment_next[i] = m;
    theta_next[i] = theta[i] - rate * (missed * d + left * m);
  }
}

DDLA_ISA_FUNCTION(update_plain, plain_body, ddla_update)
DDLA_ISA_FUNCTION(update_momentum, momentum_body, ddla_update)
DDLA_ISA_FUNCTION(update_late, late_body, ddla_update)

static void update(const ddla_update *u) {
  if (u->options->momentum == 0) update_plain(u->isa, u);
  else if (steps_late(u->options) > 0) update_late(u->isa, u);
  else update_momentum(u->isa, u);
}

static int moments(const ddla_optimizer_options *options) { return options->momentum == 0 ? 0 : 1; }

const ddla_optimizer ddla_optimizer_sgd = {
    .name = "sgd",
    .help = "stochastic gradient descent; options momentum, nesterov, gradient_delay, weight_decay",
    .moment_count = 1,
    .moment_names = {"momentum"},
    .moments = moments,
    .update = update};
