/* Which processors of a machine are near one another: what shares a core, and what a memory domain
 * (NUMA). hwloc tells; it is loaded when it is first asked, and a program runs without it.
 * Threads: any. */
#ifndef DDLA_BASE_TOPOLOGY_H
#define DDLA_BASE_TOPOLOGY_H

#include <sched.h>
#include <stdbool.h>

#include "base/status.h"

enum { DDLA_PROCESSORS_MAX = CPU_SETSIZE, DDLA_TOPOLOGY_TEXT_BYTES = 32 };

/* Plain value. Cores are numbered over the machine so that those of one domain stand together;
 * a processor has the number that the system gives it. */
typedef struct ddla_topology {
  int cores, domains;
  bool there[DDLA_PROCESSORS_MAX];
  short core[DDLA_PROCESSORS_MAX], domain[DDLA_PROCESSORS_MAX]; /* of those that are there */
  char library[DDLA_TOPOLOGY_TEXT_BYTES];                       /* "hwloc 2.9.0" */
} ddla_topology;

/* Of this machine, which is asked about once; of another one where synthetic is not null: hwloc's
 * words for it, such as "numa:2 core:4 pu:2". Errors: UNSUPPORTED where there is no hwloc, or it
 * cannot tell. */
ddla_status ddla_topology_read(ddla_topology *out, const char *synthetic);

#endif
