/* Optimizers: how a gradient changes the parameters. One file and one row of optimizer_list.h each.
 *
 * A step is a transaction: an update reads version t of parameters and moments and writes version t
 * + 1 elsewhere. Most optimizers work element by element (`update`), so the bits do not depend on
 * how the parameter space is cut into spans, on the vector width, or on who computes which span.
 *
 * A layered optimizer needs numbers of whole tensors. It works in up to three parts, and between
 * two of them all workers meet:
 *
 *   factor      sums over rows and columns of a tensor's gradient, each by one worker
 *   direction   writes the direction of the step where theta's next version will be, and sums for
 *               each section: the elements that a tensor and a block of the space have in common
 *   apply       makes theta's next version of the direction and the sums over the whole tensor,
 *               which are the fixed tree over its sections
 *
 * Sections, rows and columns follow from the shapes alone, and so do the bits. */
#ifndef DDLA_OPTIM_OPTIMIZER_H
#define DDLA_OPTIM_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "optim/isa.h"

enum { DDLA_MOMENTS_MAX = 3, DDLA_SUMS_MAX = 2, DDLA_GRADIENT_DELAY_MAX = 64 };

/* Options of all optimizers; each reads its own. ddla_optimizer_defaults fills them. */
typedef struct ddla_optimizer_options {
  double momentum;    /* sgd, rmsprop: 0 (no moment is kept) to below 1 */
  bool nesterov;      /* sgd, with momentum */
  int gradient_delay; /* sgd, with momentum: steps, 0 to DDLA_GRADIENT_DELAY_MAX */
  bool centered;      /* rmsprop: divides by the deviation instead of the root of the mean square */
  double beta1;       /* decay of the first moment, 0 to below 1 */
  double beta2;       /* decay of the second moment, 0 to below 1; lion: of the only one */
  double epsilon;     /* added to the root of the second moment, above 0 */
  double clip_update; /* adafactor: largest root mean square of a direction, above 0 */
  double least_scale; /* adafactor: least root mean square that a tensor counts as, above 0 */
} ddla_optimizer_options;

/* The tensor that a span belongs to: for layered optimizers. */
typedef struct ddla_update_tensor {
  int64_t count;
  int64_t rows, columns; /* as a matrix: the first dimension, and the product of the others; columns
                            0: a vector */
  const float *factors;  /* [factor_count], version t; null where the optimizer keeps none */
  float *factors_next;   /* [factor_count], version t + 1: written by factor, read by direction */
  double row_mean;       /* direction: mean of factors_next over the rows of a matrix */
  double sums[DDLA_SUMS_MAX]; /* apply: what direction summed, over the whole tensor */
} ddla_update_tensor;

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
  /* Layered optimizers only. A source is never its own destination there. */
  const ddla_update_tensor *tensor;
  int64_t at;   /* the span's first element in its tensor */
  double *sums; /* [DDLA_SUMS_MAX], written by direction: over the span */
} ddla_update;

typedef struct ddla_optimizer {
  const char *name, *help;
  int moment_count; /* at most this many moments, fp32, the length of theta, zero before the first
                       step */
  const char *moment_names[DDLA_MOMENTS_MAX]; /* the names in checkpoints */
  /* Moments that these options need; null: moment_count. */
  int (*moments)(const ddla_optimizer_options *options);
  /* Allocates nothing; any thread, spans in any order and at the same time. Null: layered. */
  void (*update)(const ddla_update *update);
  /* Floats that are kept for a tensor beside the moments, zero before the first step, saved under
   * the name `factors`; null: none. One for each row, then one for each column of a matrix. */
  int64_t (*factor_count)(int64_t rows, int64_t columns);
  /* factors_next[first … end) of a tensor; the span is the whole tensor. */
  void (*factor)(const ddla_update *update, int64_t first, int64_t end);
  /* theta_next = direction, and moments; the span is one section, at most a block. */
  void (*direction)(const ddla_update *update);
  /* theta_next = version t + 1, from theta and the direction in theta_next. Reads no gradient. */
  void (*apply)(const ddla_update *update);
} ddla_optimizer;

/* The table; count in *count. Borrowed for ever. */
const ddla_optimizer *const *ddla_optimizer_table(int *count);

/* Optimizer by name ("sgd", "lion"), or null. */
const ddla_optimizer *ddla_optimizer_find(const char *name);

/* momentum 0, no Nesterov, beta1 0.9, beta2 0.999, epsilon 1e-8, clip_update 1, least_scale 0.001:
 * PyTorch's defaults. */
ddla_optimizer_options ddla_optimizer_defaults(void);

/* Errors: INVALID naming the option, its value and its range; Nesterov without momentum. */
ddla_status ddla_optimizer_check(const ddla_optimizer_options *options);

/* Number of moments to keep with these options. */
int ddla_optimizer_moments(const ddla_optimizer *optimizer, const ddla_optimizer_options *options);

/* base to the power of exponent >= 0 by squaring: the same bits on every machine, unlike pow(3). */
double ddla_optimizer_power(double base, int64_t exponent);

#endif
