#include "data/crew.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/machine.h"

enum { THREADS_MAX = 16 };

typedef struct crew {
  int64_t count;
  ddla_crew_work *work;
  void *argument;
  _Atomic int64_t next;
  atomic_bool failed;
} crew;

typedef struct member {
  pthread_t thread;
  bool started;
  int number;
  crew *all;
  int64_t item;         /* that failed */
  ddla_failure failure; /* code DDLA_OK: none */
} member;

int ddla_crew_threads(int wanted, int64_t count) {
  int threads = wanted > 0 ? wanted : ddla_machine_processors();
  if (threads > THREADS_MAX) threads = THREADS_MAX;
  if (threads > count) threads = (int)count;
  return threads < 1 ? 1 : threads;
}

/* Items are taken in order, so what comes before a failure is under way or done. */
static void *run_member(void *argument) {
  member *self = argument;
  crew *all = self->all;
  while (!atomic_load(&all->failed)) {
    const int64_t item = atomic_fetch_add(&all->next, 1);
    if (item >= all->count) break;
    ddla_status status = all->work(item, self->number, all->argument);
    if (status == DDLA_OK) continue;
    ddla_status_take(&self->failure, status);
    self->item = item;
    atomic_store(&all->failed, true);
    break;
  }
  return NULL;
}

static ddla_status first_failure(const member *members, int count) {
  const member *first = NULL;
  for (int i = 0; i < count; i++)
    if (members[i].failure.code != DDLA_OK && (!first || members[i].item < first->item))
      first = &members[i];
  return first ? ddla_status_raise(&first->failure) : DDLA_OK;
}

ddla_status ddla_crew_run(int64_t count, int threads, ddla_crew_work *work, void *argument) {
  crew all = {.count = count, .work = work, .argument = argument};
  member *members = NULL;
  DDLA_ASSERT(threads >= 1 && threads <= THREADS_MAX);
  DDLA_TRY(DDLA_NEW(members, threads));
  for (int i = 0; i < threads; i++) {
    members[i].number = i;
    members[i].all = &all;
  }
  for (int i = 1; i < threads; i++) /* what does not start, others do */
    members[i].started = pthread_create(&members[i].thread, NULL, run_member, &members[i]) == 0;
  run_member(&members[0]);
  for (int i = 1; i < threads; i++)
    if (members[i].started) pthread_join(members[i].thread, NULL);
  ddla_status status = first_failure(members, threads);
  ddla_free(members);
  return status;
}
