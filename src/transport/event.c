#include "transport/event.h"

#include <inttypes.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_NS = 50 * 1000 * 1000, LOOKS_PER_CHECK = 16 };

void ddla_event_wake(ddla_event *event) {
  if (atomic_load(&event->sleepers) == 0) return;
  atomic_fetch_add(&event->sequence, 1);
  syscall(SYS_futex, &event->sequence, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

int ddla_event_index(const ddla_word *word, int count) {
  uint64_t mixed = (uint64_t)(uintptr_t)word * UINT64_C(0x9E3779B97F4A7C15);
  return (int)(mixed >> 40) & (count - 1);
}

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Looks without sleeping until done, an error, or patience (or the time limit) is used up. Movement
 * renews the patience. The clock is read once for many looks. */
static ddla_status look(const ddla_waiting *waiting, const ddla_patience *patience, int64_t end_ns,
                        bool *done) {
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t since_ns = 0; /* 0: it has just moved */
  for (int yields = 0; yields <= patience->yields;) {
    for (int i = 0; i < LOOKS_PER_CHECK; i++) {
      ddla_ready ready = waiting->ready(waiting->argument);
      *done = ready == DDLA_READY_DONE;
      if (*done) return DDLA_OK;
      if (ready == DDLA_READY_MOVED) since_ns = yields = 0;
      else relax();
    }
    DDLA_TRY(patience->check(patience->argument));
    int64_t now_ns = ddla_clock_now_ns(clock);
    if (now_ns >= end_ns) return DDLA_OK;
    if (since_ns == 0) since_ns = now_ns;
    if (now_ns - since_ns < patience->spin_ns) continue;
    sched_yield();
    yields++;
  }
  return DDLA_OK;
}

static int64_t slice_of(const ddla_patience *patience) {
  if (!patience->slice_ns) return SLICE_NS;
  int64_t ns = patience->slice_ns(patience->argument);
  return ns < SLICE_NS ? ns : SLICE_NS;
}

static void sleep_on(ddla_event *event, uint32_t sequence, int64_t limit_ns) {
  struct timespec limit = {.tv_sec = limit_ns / 1000000000, .tv_nsec = limit_ns % 1000000000};
  syscall(SYS_futex, &event->sequence, FUTEX_WAIT, sequence, &limit, NULL, 0);
}

static ddla_status late(const ddla_waiting *waiting, int64_t timeout_ms) {
  char text[256] = "something";
  if (waiting->describe) waiting->describe(waiting->argument, text, sizeof text);
  return DDLA_FAIL(TIMEOUT, "waited %" PRId64 " ms for %s", timeout_ms, text);
}

/* One slice: counted as a sleeper, looks once more, sleeps. *worth says whether patience is
 * renewed. */
static ddla_status slice(ddla_event *event, const ddla_waiting *waiting,
                         const ddla_patience *patience, int64_t end_ns, bool *done) {
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  atomic_fetch_add(&event->sleepers, 1);
  uint32_t sequence = atomic_load(&event->sequence);
  ddla_ready ready = waiting->ready(waiting->argument);
  *done = ready == DDLA_READY_DONE;
  ddla_status status = *done ? DDLA_OK : patience->check(patience->argument);
  if (ready == DDLA_READY_NOTHING && status == DDLA_OK && now_ns < end_ns) {
    int64_t slice_ns = slice_of(patience);
    sleep_on(event, sequence, end_ns - now_ns < slice_ns ? end_ns - now_ns : slice_ns);
  }
  atomic_fetch_sub(&event->sleepers, 1);
  if (status != DDLA_OK || *done) return status;
  return patience->check_slow(patience->argument);
}

ddla_status ddla_event_wait(ddla_event *event, const ddla_waiting *waiting,
                            const ddla_patience *patience, int64_t timeout_ms) {
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t end_ns = INT64_MAX;
  bool done = false;
  if (waiting->ready(waiting->argument) == DDLA_READY_DONE) return DDLA_OK;
  if (timeout_ms >= 0 && timeout_ms < INT64_MAX / 2000000)
    end_ns = ddla_clock_now_ns(clock) + timeout_ms * 1000000;
  for (;;) {
    if (timeout_ms != 0) DDLA_TRY(look(waiting, patience, end_ns, &done));
    if (done) return DDLA_OK;
    if (ddla_clock_now_ns(clock) >= end_ns) {
      DDLA_TRY(patience->check(patience->argument));
      return late(waiting, timeout_ms);
    }
    DDLA_TRY(slice(event, waiting, patience, end_ns, &done));
    if (done) return DDLA_OK;
  }
}
