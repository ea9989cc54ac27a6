/* Programs that are run beside this one, several at once, with a time limit; and what they say.
 * None of them outlives the call, or this process. Threads: one thread, in a process without
 * others. */
#ifndef DDLA_AGENT_ERRAND_H
#define DDLA_AGENT_ERRAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

enum { DDLA_ERRAND_BYTES = 16384 };

typedef struct ddla_errand {
  char *const *words; /* the program, looked for in PATH, and its arguments; null behind */
  bool passes_on;     /* its standard output is ours; else it is heard like its errors */

  int exit;                     /* its status; 128 + signal; 127: it cannot be started */
  bool late;                    /* the limit ended it, or what it said was enough */
  char said[DDLA_ERRAND_BYTES]; /* what was heard, the first of it */

  size_t heard; /* of ddla_errand_run */
  pid_t process;
  int pipe;
  int64_t enough_ns;
} ddla_errand;

typedef struct ddla_errand_options {
  int64_t limit_ms;
  /* Whether what an errand has said decides its end: it is ended 3 s later, since some
   * launchers go on waiting when all is lost. May be null. */
  bool (*enough)(void *argument, const ddla_errand *errand);
  void *argument;
} ddla_errand_options;

/* Runs all and returns when all have ended. What is late is asked to end, and killed 2 s later,
 * with what it has started in its process group. SIGINT and SIGTERM end all. Errors: INTERRUPTED;
 * IO where the system grants no process or pipe. */
ddla_status ddla_errand_run(ddla_errand *errands, int count, const ddla_errand_options *options);

#endif
