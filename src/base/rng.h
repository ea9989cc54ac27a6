/* Random numbers as a function of a key and a counter: Philox4x32-10 (Salmon et al. 2011, "Parallel
 * random numbers: as easy as 1, 2, 3", doi:10.1145/2063384.2063405). Nothing depends on rank,
 * thread or call order: a key is made from (seed, purpose, epoch or step, index). Threads: pure
 * functions; an rng is one thread's. */
#ifndef DDLA_BASE_RNG_H
#define DDLA_BASE_RNG_H

#include <stdint.h>

/* What random numbers are for. Values are part of the promise of equal bits: append only. */
typedef enum ddla_purpose {
  DDLA_PURPOSE_TEST = 0,
  DDLA_PURPOSE_INIT = 1,
  DDLA_PURPOSE_ORDER = 2,
  DDLA_PURPOSE_AUGMENT = 3,
  DDLA_PURPOSE_DROPOUT = 4,
  DDLA_PURPOSE_SPLIT = 5,
  DDLA_PURPOSE_SIM = 6,
  DDLA_PURPOSE_GENERATE = 7
} ddla_purpose;

/* A stream: key and position. Plain value; copy it freely. */
typedef struct ddla_rng {
  uint64_t key, position;
  uint32_t block[4];
} ddla_rng;

/* 64-bit key of (seed, purpose, a, b); a mixing function, the same on every machine. */
uint64_t ddla_rng_key(uint64_t seed, ddla_purpose purpose, uint64_t a, uint64_t b);

/* Four 32-bit numbers for (key, counter). */
void ddla_rng_philox(uint32_t out[4], uint64_t key, uint64_t counter_low, uint64_t counter_high);

/* A stream that starts at position 0 of this key. */
ddla_rng ddla_rng_make(uint64_t key);

/* Next 32 bits; next 64 bits. */
uint32_t ddla_rng_u32(ddla_rng *rng);
uint64_t ddla_rng_u64(ddla_rng *rng);

/* Uniform in [0, 1) with 24 bits. */
float ddla_rng_uniform(ddla_rng *rng);

/* Uniform integer in [0, bound), bound > 0, without bias worth mention (64-bit multiply-shift). */
uint64_t ddla_rng_below(ddla_rng *rng, uint64_t bound);

/* Normal with mean 0 and variance 1 (Box–Muller in double precision, rounded). */
float ddla_rng_normal(ddla_rng *rng);

#endif
