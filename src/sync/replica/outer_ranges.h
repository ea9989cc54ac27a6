/* One mean over replicas: its ranges and their messages. For the thread that serves the link; see
 * outer.h. */
#ifndef DDLA_SYNC_REPLICA_OUTER_RANGES_H
#define DDLA_SYNC_REPLICA_OUTER_RANGES_H

#include "sync/replica/outer.h"

enum { DDLA_OUTER_RANGES_MAX = 64 };

/* How many ranges a mean of so many elements has, and how long they are (whole blocks; the last one
 * may be shorter). */
int ddla_outer_cut(int64_t *elements, int64_t whole, int members, int64_t range_bytes);

typedef struct ddla_outer_ranges ddla_outer_ranges;

/* sent_bytes is counted up. Borrows until destroy. Errors: NO_MEMORY. */
ddla_status ddla_outer_ranges_create(ddla_outer_ranges **out, const ddla_outer_options *options,
                                     int64_t *sent_bytes);
void ddla_outer_ranges_destroy(ddla_outer_ranges *ranges);

/* Starts order `number`; the one before is over. Errors: the transport's. */
ddla_status ddla_outer_ranges_begin(ddla_outer_ranges *ranges, uint64_t number,
                                    const ddla_outer_order *order);

/* Does what can be done without waiting; *moved is set if that was anything. */
ddla_status ddla_outer_ranges_advance(ddla_outer_ranges *ranges, bool *moved);
bool ddla_outer_ranges_over(const ddla_outer_ranges *ranges);

#endif
