/* Time, passed in so that nothing reads the machine's clock behind the interfaces' back: the
 * simulator hands out virtual time. Threads: a clock may be read from any thread. */
#ifndef DDLA_BASE_CLOCK_H
#define DDLA_BASE_CLOCK_H

#include <stdint.h>

typedef struct ddla_clock {
  int64_t (*now_ns)(void *argument); /* monotonic nanoseconds, arbitrary start */
  void *argument;
} ddla_clock;

/* The machine's monotonic clock. Borrowed for ever. */
const ddla_clock *ddla_clock_monotonic(void);

/* Nanoseconds since 1970, for dates that people read. Borrowed for ever. */
const ddla_clock *ddla_clock_calendar(void);

/* Processor time of the calling thread, for measurements. Borrowed for ever. */
const ddla_clock *ddla_clock_thread(void);

static inline int64_t ddla_clock_now_ns(const ddla_clock *clock) {
  return clock->now_ns(clock->argument);
}

#endif
