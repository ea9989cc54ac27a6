#include "agent/lookout.h"

#include <pthread.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "watch/watcher.h"

struct ddla_lookout {
  void (*look)(void *argument);
  void *argument;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t ring;
  bool started, over;
};

static struct timespec after_ms(int ms) {
  int64_t ns = ddla_clock_now_ns(ddla_clock_monotonic()) + ms * INT64_C(1000000);
  return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static void *lookout_main(void *argument) {
  ddla_lookout *lookout = argument;
  pthread_mutex_lock(&lookout->lock);
  while (!lookout->over) {
    struct timespec next = after_ms(DDLA_WATCHER_EVERY_MS);
    pthread_cond_timedwait(&lookout->ring, &lookout->lock, &next);
    if (!lookout->over) lookout->look(lookout->argument);
  }
  pthread_mutex_unlock(&lookout->lock);
  return NULL;
}

static void init(ddla_lookout *lookout) {
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&lookout->ring, &clock);
  pthread_condattr_destroy(&clock);
  pthread_mutex_init(&lookout->lock, NULL);
}

/* Signals are for the threads that were there before. */
static bool start_thread(ddla_lookout *lookout) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  lookout->started = pthread_create(&lookout->thread, NULL, lookout_main, lookout) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return lookout->started;
}

ddla_status ddla_lookout_start(ddla_lookout **out, void (*look)(void *argument), void *argument) {
  ddla_lookout *lookout = NULL;
  DDLA_TRY(DDLA_NEW(lookout, 1));
  lookout->look = look;
  lookout->argument = argument;
  init(lookout);
  if (!start_thread(lookout)) {
    ddla_lookout_stop(lookout);
    return DDLA_FAIL(NO_MEMORY, "cannot start the thread that watches for hangs");
  }
  *out = lookout;
  return DDLA_OK;
}

void ddla_lookout_stop(ddla_lookout *lookout) {
  if (!lookout) return;
  pthread_mutex_lock(&lookout->lock);
  lookout->over = true;
  pthread_cond_signal(&lookout->ring);
  pthread_mutex_unlock(&lookout->lock);
  if (lookout->started) pthread_join(lookout->thread, NULL);
  pthread_cond_destroy(&lookout->ring);
  pthread_mutex_destroy(&lookout->lock);
  ddla_free(lookout);
}
