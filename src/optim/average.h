/* Averages of the parameters over steps: a running mean (exponential), or the equal mean of some
 * steps (Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization",
 * arXiv:1803.05407). Element by element, like an optimizer. */
#ifndef DDLA_OPTIM_AVERAGE_H
#define DDLA_OPTIM_AVERAGE_H

#include <stdint.h>

#include "optim/isa.h"

/* next = average + weight * (theta - average) over [count]; weight 1 copies theta. next may be
 * average. Any thread. */
typedef struct ddla_average {
  int64_t count;
  const float *theta, *average;
  float *next;
  double weight; /* above 0, up to 1 */
  ddla_isa isa;
} ddla_average;

void ddla_average_run(const ddla_average *average);

/* Weight of the n-th of equally weighted models, from 1: 1 / n. */
double ddla_average_equal(int64_t n);

/* Weight of step `step` (from 1) in the running mean with this decay: 1 up to step `first`, at
 * which the mean begins, then 1 - decay. As PyTorch's AveragedModel with get_ema_multi_avg_fn. */
double ddla_average_running(double decay, int64_t step, int64_t first);

#endif
