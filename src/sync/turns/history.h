/* The last versions of a range, and delay compensation by them (Zheng et al. 2017,
 * arXiv:1609.08326, DC-ASGD-c): a gradient g that was computed with older parameters is taken as g
 * + lambda g * g * (theta - theta_old), elementwise: g * g stands for the diagonal of the Hessian.
 *
 * Threads: one thread at a time. */
#ifndef DDLA_SYNC_TURNS_HISTORY_H
#define DDLA_SYNC_TURNS_HISTORY_H

#include "base/status.h"

#include <stdint.h>

typedef struct ddla_history ddla_history;

/* Of `count` elements, so many versions. Errors: NO_MEMORY. */
ddla_status ddla_history_create(ddla_history **out, int64_t count, int64_t versions);

/* Null is allowed. */
void ddla_history_destroy(ddla_history *history);

/* Keeps a version, which takes the place of the oldest one. Versions come in their order. */
void ddla_history_keep(ddla_history *history, int64_t version, const float *parameters);

/* The mean gradient `scale` * gradient [count] of parameters of version `old`, compensated to where
 * parameters are now, in place. A version that is not kept any more: the oldest that is. */
void ddla_history_compensate(const ddla_history *history, float *gradient, double scale,
                             double lambda, int64_t old, const float *now);

#endif
