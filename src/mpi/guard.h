/* A time limit for calls of MPI libraries that cannot be given one: where they start and end.
 * Threads: start and stop by one thread. */
#ifndef DDLA_MPI_GUARD_H
#define DDLA_MPI_GUARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Memory of the caller, in place until stop. */
typedef struct ddla_mpi_guard {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t ring;
  bool started, over;
  int64_t end_ns;
  void (*late)(void *argument);
  void *argument;
} ddla_mpi_guard;

/* Calls `late` once, on a thread of its own, unless it is stopped within limit_ms. Without `late`,
 * without a limit (0), or where no thread can be had, there is no limit. */
void ddla_mpi_guard_start(ddla_mpi_guard *guard, int64_t limit_ms, void (*late)(void *argument),
                          void *argument);
void ddla_mpi_guard_stop(ddla_mpi_guard *guard);

#endif
