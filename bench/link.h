/* What both sides of bench/link.sh do alike: sizes, repeats, timing, data, and the line that is
 * printed. */
#ifndef DDLA_BENCH_LINK_H
#define DDLA_BENCH_LINK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_WINDOW = 8 /* messages of a stream under way at once */ };

static const size_t bench_sizes[] = {8, 4096, 65536, 1 << 20, 4 << 20, 16 << 20};
enum { BENCH_SIZES = sizeof bench_sizes / sizeof bench_sizes[0] };

static inline int bench_repeats(size_t bytes) {
  if (bytes <= 4096) return 400;
  if (bytes <= 65536) return 200;
  return bytes <= 1 << 20 ? 60 : 16;
}

static inline double bench_now_us(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static inline unsigned char *bench_buffer(size_t bytes) {
  unsigned char *data = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (data) memset(data, 1, bytes);
  return data;
}

/* What arrives is looked at: its first and last byte carry the number of the repeat. */
static inline void bench_mark(unsigned char *data, size_t bytes, int repeat) {
  data[0] = data[bytes - 1] = (unsigned char)repeat;
}
static inline void bench_expect(const unsigned char *data, size_t bytes, int repeat) {
  if (data[0] == (unsigned char)repeat && data[bytes - 1] == (unsigned char)repeat) return;
  fprintf(stderr, "wrong data\n");
  exit(1);
}

static inline int bench_compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static inline double bench_median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, bench_compare);
  return values[count / 2];
}

/* NAME pattern bytes microseconds: of one way (pingpong), of one message (stream). */
static inline void bench_print(const char *name, const char *pattern, size_t bytes, double us) {
  printf("%s %s %zu %.3f\n", name, pattern, bytes, us);
  fflush(stdout);
}

#endif
