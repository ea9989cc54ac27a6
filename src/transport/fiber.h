/* Fibers: several call stacks in one thread that hand over to each other. For the simulator.
 * Over ucontext, and known to AddressSanitizer and ThreadSanitizer. A switch costs about a system
 * call. Threads: a fiber and who resumes it are one thread. */
#ifndef DDLA_TRANSPORT_FIBER_H
#define DDLA_TRANSPORT_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct ddla_fiber ddla_fiber;

/* A fiber that will run entry(argument) when first resumed. Errors: NO_MEMORY. */
ddla_status ddla_fiber_create(ddla_fiber **out, size_t stack_bytes, void (*entry)(void *),
                              void *argument);

/* Of a fiber that has ended (or never begun). Null is allowed. */
void ddla_fiber_destroy(ddla_fiber *fiber);

/* Runs the fiber until it yields or ends; false if it has ended. Not from inside a fiber. */
bool ddla_fiber_resume(ddla_fiber *fiber);

/* Inside the fiber: goes back to who resumed it. */
void ddla_fiber_yield(ddla_fiber *fiber);

#endif
