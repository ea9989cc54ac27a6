/* The last steps of a run as a trace that Chrome (chrome://tracing) and Perfetto show: a row for
 * each lane, a bar for each phase, and under it a bar for each op where output.trace_steps kept
 * them. Format: "Trace Event Format", JSON object form, complete events. Threads: one thread. */
#ifndef DDLA_WATCH_TRACE_H
#define DDLA_WATCH_TRACE_H

#include <stdio.h>

#include "watch/reader.h"

/* Writes the last `steps` steps; how many of them all lanes still hold whole into *whole. Errors:
 * NO_MEMORY, INVALID where nothing was recorded. */
ddla_status ddla_trace_write(int64_t *whole, FILE *file, const ddla_watch *watch, int64_t steps);

#endif
