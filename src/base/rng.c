#include "base/rng.h"

#include <math.h>

static uint64_t mix(uint64_t z) { /* finaliser of splitmix64 (Steele et al. 2014) */
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

uint64_t ddla_rng_key(uint64_t seed, ddla_purpose purpose, uint64_t a, uint64_t b) {
  uint64_t key = mix(seed + 0x9e3779b97f4a7c15ULL);
  key = mix(key ^ ((uint64_t)purpose + 0x632be59bd9b4e019ULL));
  key = mix(key ^ (a + 0x9e3779b97f4a7c15ULL));
  return mix(key ^ (b + 0xd1b54a32d192ed03ULL));
}

void ddla_rng_philox(uint32_t out[4], uint64_t key, uint64_t counter_low, uint64_t counter_high) {
  uint32_t c0 = (uint32_t)counter_low, c1 = (uint32_t)(counter_low >> 32);
  uint32_t c2 = (uint32_t)counter_high, c3 = (uint32_t)(counter_high >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

ddla_rng ddla_rng_make(uint64_t key) { return (ddla_rng){.key = key}; }

uint32_t ddla_rng_u32(ddla_rng *rng) {
  uint64_t word = rng->position & 3;
  if (word == 0) ddla_rng_philox(rng->block, rng->key, rng->position >> 2, 0);
  rng->position++;
  return rng->block[word];
}

uint64_t ddla_rng_u64(ddla_rng *rng) {
  uint64_t high = ddla_rng_u32(rng);
  return high << 32 | ddla_rng_u32(rng);
}

float ddla_rng_uniform(ddla_rng *rng) { return (float)(ddla_rng_u32(rng) >> 8) * 0x1p-24f; }

uint64_t ddla_rng_below(ddla_rng *rng, uint64_t bound) {
  return (uint64_t)(((unsigned __int128)ddla_rng_u64(rng) * bound) >> 64);
}

float ddla_rng_normal(ddla_rng *rng) {
  double radius = ((double)ddla_rng_u32(rng) + 1.0) * 0x1p-32;
  double angle = (double)ddla_rng_u32(rng) * 0x1p-32;
  return (float)(sqrt(-2.0 * log(radius)) * cos(6.283185307179586476925 * angle));
}
