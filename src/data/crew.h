/* Work on many items by a few threads. */
#ifndef DDLA_DATA_CREW_H
#define DDLA_DATA_CREW_H

#include <stdint.h>

#include "base/status.h"

/* Does item, 0 ... count - 1. thread: 0 ... threads - 1, for what each thread has of its own. */
typedef ddla_status ddla_crew_work(int64_t item, int thread, void *argument);

/* Threads for so many items: as many as wanted, 0: as processors, at most 16; none is without work.
 */
int ddla_crew_threads(int wanted, int64_t count);

/* Does all items; threads take them in order, the caller is one of them. After a failure no further
 * item is begun; of several failures that of the first item is returned, however threads run. */
ddla_status ddla_crew_run(int64_t count, int threads, ddla_crew_work *work, void *argument);

#endif
