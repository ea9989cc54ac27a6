/* Optimizers: how a gradient changes the parameters. One file and one row of optimizer_list.h each.
 *
 * A step is a transaction: an update reads version t of parameters and moments and writes version t
 * + 1 elsewhere. It works element by element, so the bits do not depend on how the parameter space
 * is cut into spans, on the vector width, or on who computes which span. */
#ifndef DDLA_OPTIM_OPTIMIZER_H
#define DDLA_OPTIM_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "optim/isa.h"

enum { DDLA_MOMENTS_MAX = 3 };

/* Options of all optimizers; each reads its own. ddla_optimizer_defaults fills them. */
typedef struct ddla_optimizer_options {
  double momentum; /* sgd, rmsprop: 0 (no moment is kept) to below 1 */
  bool nesterov;   /* sgd, with momentum */
  bool centered;   /* rmsprop: divides by the deviation instead of the root of the mean square */
  double beta1;    /* decay of the first moment, 0 to below 1 */
  double beta2;    /* decay of the second moment, 0 to below 1; lion: of the only one */
  double epsilon;  /* added to the root of the second moment, above 0 */
} ddla_optimizer_options;

/* One span of the parameter space. A source may be its own destination; other overlaps are a bug.
 */
typedef struct ddla_update {
  int64_t count;
  const float *gradient; /* [count], the sum over the samples of the batch */
  const float *theta;    /* [count], version t */
  float *theta_next;     /* [count], version t + 1 */
  const float *moment[DDLA_MOMENTS_MAX];
  float *moment_next[DDLA_MOMENTS_MAX];
  double gradient_scale; /* the gradient is multiplied by this first: 1 / samples * clip factor */
  double learning_rate;
  double weight_decay; /* 0 for excluded tensors */
  int64_t step;        /* 1 for the first update */
  const ddla_optimizer_options *options;
  ddla_isa isa; /* DDLA_ISA_BEST, the zero, but for tests */
} ddla_update;

typedef struct ddla_optimizer {
  const char *name, *help;
  int moment_count; /* at most this many moments, fp32, the length of theta, zero before the first
                       step */
  const char *moment_names[DDLA_MOMENTS_MAX]; /* the names in checkpoints */
  /* Moments that these options need; null: moment_count. */
  int (*moments)(const ddla_optimizer_options *options);
  /* Allocates nothing; any thread, spans in any order and at the same time. */
  void (*update)(const ddla_update *update);
} ddla_optimizer;

/* The table; count in *count. Borrowed for ever. */
const ddla_optimizer *const *ddla_optimizer_table(int *count);

/* Optimizer by name ("sgd", "lion"), or null. */
const ddla_optimizer *ddla_optimizer_find(const char *name);

/* momentum 0, no Nesterov, beta1 0.9, beta2 0.999, epsilon 1e-8: PyTorch's defaults. */
ddla_optimizer_options ddla_optimizer_defaults(void);

/* Errors: INVALID naming the option, its value and its range; Nesterov without momentum. */
ddla_status ddla_optimizer_check(const ddla_optimizer_options *options);

/* Number of moments to keep with these options. */
int ddla_optimizer_moments(const ddla_optimizer *optimizer, const ddla_optimizer_options *options);

/* base to the power of exponent >= 0 by squaring: the same bits on every machine, unlike pow(3). */
double ddla_optimizer_power(double base, int64_t exponent);

#endif
