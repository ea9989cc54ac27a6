/* What both sides of bench/allreduce.sh do alike: sizes, data, pinning, timing, check, and the line
 * that is printed. */
#ifndef DDLA_BENCH_ALLREDUCE_H
#define DDLA_BENCH_ALLREDUCE_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_REPEATS_MAX = 400 };

/* Few enough repeats that a round over all sizes takes seconds, many enough for a median. */
static inline int bench_repeats(int64_t bytes) {
  if (bytes <= 256 * 1024) return 400;
  if (bytes <= 4 * 1024 * 1024) return 60;
  return bytes <= 16 * 1024 * 1024 ? 20 : 9;
}

static inline double bench_now_us(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* Rank r stays on the r-th usable core, round robin. */
static inline void bench_pin(int rank) {
  cpu_set_t usable, one;
  CPU_ZERO(&usable);
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof usable, &usable) != 0) return;
  int wanted = rank % CPU_COUNT(&usable);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &usable) && wanted-- == 0) CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
}

/* Whole numbers below 4096: sums over ranks are exact in any order, so that any algorithm can be
 * checked. */
static inline float bench_value(int64_t k, int rank, int repeat) {
  uint32_t mixed = (uint32_t)k * 2654435761u + (uint32_t)rank * 40503u + (uint32_t)repeat * 9973u;
  return (float)(mixed >> 20);
}

static inline void bench_fill(float *data, int64_t count, int rank, int repeat) {
  for (int64_t k = 0; k < count; k++) data[k] = bench_value(k, rank, repeat);
}

/* Elements that are wrong. */
static inline int64_t bench_wrong(const float *data, int64_t count, int ranks, int repeat) {
  int64_t wrong = 0;
  for (int64_t k = 0; k < count; k++) {
    float sum = 0;
    for (int rank = 0; rank < ranks; rank++) sum += bench_value(k, rank, repeat);
    wrong += sum != data[k];
  }
  return wrong;
}

static inline int bench_compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static inline double bench_median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, bench_compare);
  return values[count / 2];
}

/* "name ranks bytes median_us wrong": read by bench/allreduce.sh. */
static inline void bench_print(const char *name, int ranks, int64_t bytes, double median_us,
                               int64_t wrong) {
  printf("%s %d %lld %.3f %lld\n", name, ranks, (long long)bytes, median_us, (long long)wrong);
  fflush(stdout);
}

#endif
