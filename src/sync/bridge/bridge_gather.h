/* Small arrays of a step whose update is divided among hosts: norms, sums over tensors. Each host
 * makes what belongs to its ranges and has it from all others before it goes on; one array after
 * another. For the thread that serves the link. */
#ifndef DDLA_SYNC_BRIDGE_BRIDGE_GATHER_H
#define DDLA_SYNC_BRIDGE_BRIDGE_GATHER_H

#include "sync/bridge/bridge.h"

typedef struct ddla_bridge_gather ddla_bridge_gather;

/* options is borrowed until destroy; bytes that are sent are added to *sent_bytes. Errors:
 * NO_MEMORY. */
ddla_status ddla_bridge_gather_create(ddla_bridge_gather **out, const ddla_bridge_options *options,
                                      int64_t *sent_bytes);

/* What is under way is dropped. Null is allowed. */
void ddla_bridge_gather_destroy(ddla_bridge_gather *gather);

/* Starts order `number`, a step; the one before is over. */
void ddla_bridge_gather_begin(ddla_bridge_gather *gather, uint64_t number, uint64_t step);

/* Does what can be done without waiting, once the sums of all own ranges are here; *moved is set if
 * that was anything. */
ddla_status ddla_bridge_gather_advance(ddla_bridge_gather *gather, bool *moved);

/* Arrays that are here whole. */
int ddla_bridge_gather_here(const ddla_bridge_gather *gather);

/* Messages are under way. */
bool ddla_bridge_gather_under_way(const ddla_bridge_gather *gather);

/* What the host's workers have to make next; false: nothing. */
bool ddla_bridge_gather_waits(ddla_service_word *out, const ddla_bridge_gather *gather);

#endif
