#include "transport/event.h"

#include <inttypes.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  SLICE_NS = 50 * 1000 * 1000,
  AWAY_NS = 50000 /* a yield that takes longer gave the core to somebody who has work for it */
};

void ddla_event_wake(ddla_event *event) {
  if (!atomic_load(&event->sleeps) || !atomic_exchange(&event->sleeps, false)) return;
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

/* Looks without sleeping until done, an error, or patience (or the time limit) is used up, which it
 * is where others want the core. Movement renews the patience. The clock is read once for many
 * looks. */
static ddla_status look(const ddla_waiting *waiting, const ddla_patience *patience, int64_t end_ns,
                        bool *done) {
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t since_ns = 0; /* 0: it has just moved */
  for (int yields = 0; yields <= patience->yields;) {
    for (int i = 0; i < patience->looks; i++) {
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
    if (ddla_clock_now_ns(clock) - now_ns > AWAY_NS) return DDLA_OK;
    yields++;
  }
  return DDLA_OK;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t slice_of(const ddla_waiting *waiting, const ddla_patience *patience) {
  int64_t ns = waiting->look_ns > 0 ? smaller(waiting->look_ns, SLICE_NS) : SLICE_NS;
  return patience->slice_ns ? smaller(patience->slice_ns(patience->argument), ns) : ns;
}

/* Whether somebody woke it, before or while it slept. */
static bool sleep_on(ddla_event *event, uint32_t sequence, int64_t limit_ns) {
  struct timespec limit = {.tv_sec = limit_ns / 1000000000, .tv_nsec = limit_ns % 1000000000};
  syscall(SYS_futex, &event->sequence, FUTEX_WAIT, sequence, &limit, NULL, 0);
  return atomic_load(&event->sequence) != sequence;
}

static ddla_status late(const ddla_waiting *waiting, int64_t timeout_ms) {
  char text[256] = "something";
  if (waiting->describe) waiting->describe(waiting->argument, text, sizeof text);
  return DDLA_FAIL(TIMEOUT, "waited %" PRId64 " ms for %s", timeout_ms, text);
}

/* One slice: says that it sleeps, looks once more, sleeps. *seen: DONE; MOVED where that look
 * found something or somebody woke the sleeper, so that looking is worth while again; else NOTHING.
 */
static ddla_status slice(ddla_event *event, const ddla_waiting *waiting,
                         const ddla_patience *patience, int64_t end_ns, ddla_ready *seen) {
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  atomic_store(&event->sleeps, true);
  uint32_t sequence = atomic_load(&event->sequence);
  *seen = waiting->ready(waiting->argument);
  ddla_status status = *seen == DDLA_READY_DONE ? DDLA_OK : patience->check(patience->argument);
  if (*seen == DDLA_READY_NOTHING && status == DDLA_OK && now_ns < end_ns &&
      sleep_on(event, sequence, smaller(end_ns - now_ns, slice_of(waiting, patience))))
    *seen = DDLA_READY_MOVED;
  if (status != DDLA_OK || *seen == DDLA_READY_DONE) return status;
  return patience->check_slow(patience->argument);
}

/* Who has slept and found nothing sleeps again after one look: many looks cost the processor of
 * those who are waited for. */
ddla_status ddla_event_wait(ddla_event *event, const ddla_waiting *waiting,
                            const ddla_patience *patience, int64_t timeout_ms) {
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t end_ns = INT64_MAX;
  bool done = false;
  ddla_ready seen = DDLA_READY_MOVED;
  if (waiting->ready(waiting->argument) == DDLA_READY_DONE) return DDLA_OK;
  if (timeout_ms >= 0 && timeout_ms < INT64_MAX / 2000000)
    end_ns = ddla_clock_now_ns(clock) + timeout_ms * 1000000;
  for (;;) {
    if (timeout_ms != 0 && seen == DDLA_READY_MOVED && !waiting->calm)
      DDLA_TRY(look(waiting, patience, end_ns, &done));
    if (done) return DDLA_OK;
    if (ddla_clock_now_ns(clock) >= end_ns) {
      DDLA_TRY(patience->check(patience->argument));
      return late(waiting, timeout_ms);
    }
    DDLA_TRY(slice(event, waiting, patience, end_ns, &seen));
    if (seen == DDLA_READY_DONE) return DDLA_OK;
  }
}
