/* Counts of numbers that are not finite. */
#ifndef DDLA_OPTIM_FINITE_H
#define DDLA_OPTIM_FINITE_H

#include <stdint.h>

#include "optim/isa.h"

typedef struct ddla_finite {
  int64_t nan, infinite;
  int64_t first; /* place of the first one, from 1; 0: there is none */
} ddla_finite;

/* How many of count values are NaN or infinite. Any thread. */
int64_t ddla_finite_bad(const float *values, int64_t count, ddla_isa isa);

/* The same by kind, and where the first one is; slow where there are some. */
ddla_finite ddla_finite_look(const float *values, int64_t count);

#endif
