/* A thread that sleeps, and calls a function some times a second: it looks whether something in
 * this process goes on. Threads: start and stop by one thread. */
#ifndef DDLA_AGENT_LOOKOUT_H
#define DDLA_AGENT_LOOKOUT_H

#include <ddla/status.h>

typedef struct ddla_lookout ddla_lookout;

/* `look` is called on the thread every DDLA_WATCHER_EVERY_MS, with all signals blocked. Errors:
 * NO_MEMORY. */
ddla_status ddla_lookout_start(ddla_lookout **out, void (*look)(void *argument), void *argument);

/* Ends the thread. Null is allowed. */
void ddla_lookout_stop(ddla_lookout *lookout);

#endif
