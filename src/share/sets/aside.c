#include "share/sets/aside.h"

#include <pthread.h>
#include <stdio.h>

typedef struct aside {
  ddla_transport *link;
  ddla_aside_work *work;
  void *argument;
  ddla_failure failure; /* of the work */
  _Atomic bool done;
} aside;

static void *work_on(void *argument) {
  aside *a = argument;
  ddla_status_take(&a->failure, a->work(a->argument));
  atomic_store(&a->done, true);
  ddla_transport_wake(a->link, ddla_transport_rank(a->link));
  return NULL;
}

static ddla_ready look(void *argument) {
  const aside *a = argument;
  return atomic_load(&a->done) ? DDLA_READY_DONE : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  (void)argument;
  snprintf(text, bytes, "files of its own");
}

ddla_status ddla_aside_run(ddla_transport *link, bool threadless, ddla_aside_work *work,
                           void *argument) {
  aside a = {.link = link, .work = work, .argument = argument};
  const ddla_waiting waiting = {.ready = look, .describe = describe, .argument = &a};
  ddla_failure failure = {0};
  pthread_t thread;
  if (threadless) return work(argument);
  if (pthread_create(&thread, NULL, work_on, &a) != 0)
    return DDLA_FAIL(NO_MEMORY, "no thread to read and write files with");
  const ddla_status status = ddla_transport_wait(link, &waiting, -1);
  ddla_status_take(&failure, status);
  pthread_join(thread, NULL);
  if (a.failure.code != DDLA_OK) return ddla_status_raise(&a.failure);
  return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&failure);
}
