/* Whole pages of the system's memory. Threads: pure functions on the caller's memory. */
#ifndef DDLA_BASE_PAGES_H
#define DDLA_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Gives the whole pages within a span back to the system: they take no memory then. True: they are
 * zero, too, in all processes that share them; false where it is not known what they are. */
bool ddla_pages_release(void *data, size_t bytes);

/* A span that begins with a page becomes zero. What was never touched of it still takes no memory.
 */
void ddla_pages_clear(void *data, size_t bytes);

#endif
