/* Where a prepared set lies that is not read at the start: a directory (of a slow mount, say) or an
 * address that begins with http:// or https:// and answers requests for ranges of bytes.
 *
 * What may pass by itself (no connection, a time limit, an answer that breaks off, a server's
 * errors 500 and up) is tried again a few times, with growing pauses; what will not (no such file,
 * no ranges, no permission) fails at once. Threads: reading by any number of them; open and close
 * by one. */
#ifndef DDLA_SHARE_TIERS_ORIGIN_H
#define DDLA_SHARE_TIERS_ORIGIN_H

#include "data/prepared/far.h"

typedef struct ddla_origin ddla_origin;

/* Whether a path of a job is an address. */
bool ddla_origin_is_address(const char *path);

/* path is copied. Errors: NO_MEMORY; UNSUPPORTED for an address where HTTP cannot be started. */
ddla_status ddla_origin_open(ddla_origin **out, const char *path) DDLA_MUST_USE;

/* Null is allowed. */
void ddla_origin_close(ddla_origin *origin);

/* Its files; borrowed until close. */
ddla_far_files ddla_origin_files(ddla_origin *origin);

/* Closes connections that are kept. Before a process forks: two would talk on one. */
void ddla_origin_rest(ddla_origin *origin);

/* Bytes that were read since open. Any thread. */
int64_t ddla_origin_bytes(const ddla_origin *origin);

/* Ends reading that is under way, and all that comes: INTERRUPTED. Any thread. */
void ddla_origin_stop(ddla_origin *origin);

#endif
