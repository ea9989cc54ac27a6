/* Says why a program that reads its data does not get on: a disk or a network that does not answer,
 * a pipe into which nobody writes. Data are read before there are agents, so nobody else watches.
 * Threads: start and stop by one thread; others may read meanwhile. */
#ifndef DDLA_AGENT_READING_H
#define DDLA_AGENT_READING_H

#include <stdio.h>

#include <ddla/status.h>

typedef struct ddla_reading ddla_reading;

/* From now on, when this process's threads have all been in system calls for `seconds` and have
 * read nothing, it is said on `screen` which file gives nothing; `source` is named where that
 * cannot be found out. Both are borrowed until stop. seconds 0: never. Errors: NO_MEMORY. */
ddla_status ddla_reading_start(ddla_reading **out, const char *source, double seconds,
                               FILE *screen);

/* Ends it. Null is allowed. */
void ddla_reading_stop(ddla_reading *reading);

#endif
