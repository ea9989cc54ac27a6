#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_ns(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t monotonic_now_ns(void *argument) {
  (void)argument;
  return read_ns(CLOCK_MONOTONIC);
}

static int64_t calendar_now_ns(void *argument) {
  (void)argument;
  return read_ns(CLOCK_REALTIME);
}

static int64_t thread_now_ns(void *argument) {
  (void)argument;
  return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static const ddla_clock monotonic = {monotonic_now_ns, NULL};

const ddla_clock *ddla_clock_monotonic(void) { return &monotonic; }

static const ddla_clock calendar = {calendar_now_ns, NULL};

const ddla_clock *ddla_clock_calendar(void) { return &calendar; }

static const ddla_clock thread = {thread_now_ns, NULL};

const ddla_clock *ddla_clock_thread(void) { return &thread; }
