#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t monotonic_now_ns(void *argument) {
  (void)argument;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static const ddla_clock monotonic = {monotonic_now_ns, NULL};

const ddla_clock *ddla_clock_monotonic(void) { return &monotonic; }
