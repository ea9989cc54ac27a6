/* Statistics of an order of samples: how far a number is from what a random permutation gives, in
 * standard deviations. Threads: pure functions. */
#ifndef DDLA_ORDER_STATISTICS_H
#define DDLA_ORDER_STATISTICS_H

#include <stdint.h>

/* A permutation of [0, count) of one key: writes the samples at positions [first, first + n). */
typedef void permutation(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n);

/* One statistic of a stretch of n positions of an order of `count` samples. All of them are about
 * normal with mean 0 and deviation 1 for a random permutation of many more samples than n. */
typedef struct statistic {
  const char *name;
  double (*of)(permutation *order, int64_t count, uint64_t key, int64_t first, int64_t n);
} statistic;

/* Ends with a null name. */
extern const statistic statistics[];

#endif
