/* The bytes of a host's disk tier: places of one size in one file, which has no name, so that
 * nothing is left of it however a run ends. Threads: any number at different places; create and
 * destroy by one. */
#ifndef DDLA_SHARE_TIERS_SPILL_H
#define DDLA_SHARE_TIERS_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct ddla_spill ddla_spill;

/* A file in a directory, which is made where it is missing. Errors: INVALID, IO, DISK_FULL naming
 * it. */
ddla_status ddla_spill_create(ddla_spill **out, const char *directory, size_t place_bytes);
void ddla_spill_destroy(ddla_spill *spill); /* null is allowed */

/* Errors: DISK_FULL, IO. */
ddla_status ddla_spill_write(ddla_spill *spill, int64_t place, const void *data, size_t bytes);
ddla_status ddla_spill_read(void *out, const ddla_spill *spill, int64_t place, size_t offset,
                            size_t bytes);

#endif
