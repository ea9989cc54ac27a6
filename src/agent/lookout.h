/* A thread that sleeps, and looks some times a second whether the run in this process goes on.
 * Threads: start and stop by one thread. */
#ifndef DDLA_AGENT_LOOKOUT_H
#define DDLA_AGENT_LOOKOUT_H

#include "watch/watcher.h"

typedef struct ddla_lookout ddla_lookout;

/* Everything is borrowed until stop. Errors: NO_MEMORY. */
ddla_status ddla_lookout_start(ddla_lookout **out, const ddla_watch *watch,
                               const ddla_watcher_options *options);

/* Ends the thread. Null is allowed. */
void ddla_lookout_stop(ddla_lookout *lookout);

#endif
