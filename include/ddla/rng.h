/* Random numbers as a function of a key and a counter: Philox4x32-10 (Salmon et al. 2011, "Parallel
 * random numbers: as easy as 1, 2, 3", doi:10.1145/2063384.2063405). Nothing depends on rank,
 * thread or call order, so an op that draws from the keys that are its input (i64, one for each
 * sample) gives the same numbers for any number of agents. Threads: pure functions; a stream is one
 * thread's. */
#ifndef DDLA_RNG_H
#define DDLA_RNG_H

#include <stdint.h>

#include <ddla/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A stream: key and position. Plain value; copy it freely. */
typedef struct ddla_rng {
  uint64_t key, position;
  uint32_t block[4];
} ddla_rng;

/* A stream that starts at position 0 of this key. */
DDLA_API ddla_rng ddla_rng_make(uint64_t key);

/* Next 32 bits; next 64 bits. */
DDLA_API uint32_t ddla_rng_u32(ddla_rng *rng);
DDLA_API uint64_t ddla_rng_u64(ddla_rng *rng);

/* Uniform in [0, 1) with 24 bits. */
DDLA_API float ddla_rng_uniform(ddla_rng *rng);

/* Uniform integer in [0, bound), bound > 0, without bias worth mention (64-bit multiply-shift). */
DDLA_API uint64_t ddla_rng_below(ddla_rng *rng, uint64_t bound);

/* Normal with mean 0 and variance 1 (Box and Muller, in double precision, rounded). */
DDLA_API float ddla_rng_normal(ddla_rng *rng);

#ifdef __cplusplus
}
#endif
#endif
