/* Watches a run for hangs: when a step takes longer than max(least, 10 times its running median),
 * says once who is late and why, and says when it is over. Called by the launcher some times a
 * second; a call costs microseconds while all is well. First step, evaluation and checkpoint have
 * limits of their own. Threads: one. */
#ifndef DDLA_WATCH_WATCHER_H
#define DDLA_WATCH_WATCHER_H

#include <stdio.h>

#include "watch/diagnosis.h"

typedef struct ddla_watcher ddla_watcher;

typedef struct ddla_watcher_options {
  double least_seconds;  /* a step that takes less is never late */
  FILE *screen;          /* where a hang is shown; may be null */
  const char *directory; /* hang.txt is written here; null: nowhere */
} ddla_watcher_options;

/* How often to look, at least. */
enum { DDLA_WATCHER_EVERY_MS = 250 };

/* watch and directory are borrowed. Errors: NO_MEMORY. */
ddla_status ddla_watcher_create(ddla_watcher **out, const ddla_watch *watch,
                                const ddla_watcher_options *options);
void ddla_watcher_destroy(ddla_watcher *watcher);

/* Looks whether the run goes on. Does nothing where less than some milliseconds have passed. */
void ddla_watcher_look(ddla_watcher *watcher);

/* The run has come to its end: a hang that was shown is over. Null is allowed. */
void ddla_watcher_finish(ddla_watcher *watcher);

#endif
