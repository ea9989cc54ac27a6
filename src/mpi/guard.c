#include "mpi/guard.h"

#include <signal.h>

#include "base/clock.h"

static void *guard_main(void *argument) {
  ddla_mpi_guard *g = argument;
  const struct timespec end = {g->end_ns / 1000000000, g->end_ns % 1000000000};
  pthread_mutex_lock(&g->lock);
  while (!g->over && ddla_clock_now_ns(ddla_clock_monotonic()) < g->end_ns)
    pthread_cond_timedwait(&g->ring, &g->lock, &end);
  bool late = !g->over;
  pthread_mutex_unlock(&g->lock);
  if (late) g->late(g->argument);
  return NULL;
}

/* Signals are for the threads that were there before. */
static bool start_thread(ddla_mpi_guard *g) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&g->thread, NULL, guard_main, g) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

void ddla_mpi_guard_start(ddla_mpi_guard *g, int64_t limit_ms, void (*late)(void *argument),
                          void *argument) {
  pthread_condattr_t clock;
  *g = (ddla_mpi_guard){.late = late, .argument = argument};
  if (!late || limit_ms <= 0) return;
  g->end_ns = ddla_clock_now_ns(ddla_clock_monotonic()) + limit_ms * INT64_C(1000000);
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&g->ring, &clock);
  pthread_condattr_destroy(&clock);
  pthread_mutex_init(&g->lock, NULL);
  g->started = start_thread(g);
}

void ddla_mpi_guard_stop(ddla_mpi_guard *g) {
  if (!g->started) return;
  pthread_mutex_lock(&g->lock);
  g->over = true;
  pthread_cond_signal(&g->ring);
  pthread_mutex_unlock(&g->lock);
  pthread_join(g->thread, NULL);
  pthread_cond_destroy(&g->ring);
  pthread_mutex_destroy(&g->lock);
}
