/* What the program's own random numbers are keyed by (public part, the streams: ddla/rng.h): a key
 * is made from (seed, purpose, epoch or step, index). Threads: pure functions. */
#ifndef DDLA_BASE_RNG_H
#define DDLA_BASE_RNG_H

#include <ddla/rng.h>

/* What random numbers are for. Values are part of the promise of equal bits: append only. */
typedef enum ddla_purpose {
  DDLA_PURPOSE_TEST = 0,
  DDLA_PURPOSE_INIT = 1,
  DDLA_PURPOSE_ORDER = 2,
  DDLA_PURPOSE_AUGMENT = 3,
  DDLA_PURPOSE_DROPOUT = 4,
  DDLA_PURPOSE_SPLIT = 5,
  DDLA_PURPOSE_SIM = 6,
  DDLA_PURPOSE_GENERATE = 7,
  DDLA_PURPOSE_PEER = 8,
  DDLA_PURPOSE_PARTITION = 9,
  DDLA_PURPOSE_SWAP = 10
} ddla_purpose;

/* 64-bit key of (seed, purpose, a, b); a mixing function, the same on every machine. */
uint64_t ddla_rng_key(uint64_t seed, ddla_purpose purpose, uint64_t a, uint64_t b);

/* Four 32-bit numbers for (key, counter). */
void ddla_rng_philox(uint32_t out[4], uint64_t key, uint64_t counter_low, uint64_t counter_high);

#endif
