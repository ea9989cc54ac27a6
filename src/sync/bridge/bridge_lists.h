/* Lists of tables whose gradients are kept by row: each host's go to all others, first how long
 * they are, then rows and values, table by table, straight into copies of the state's rows of
 * lists. Then every host adds up the same lists. For the thread that serves the link. */
#ifndef DDLA_SYNC_BRIDGE_BRIDGE_LISTS_H
#define DDLA_SYNC_BRIDGE_BRIDGE_LISTS_H

#include "sync/bridge/bridge.h"

typedef struct ddla_bridge_lists ddla_bridge_lists;

/* options is borrowed until destroy; bytes that are sent are added to *sent_bytes. Errors:
 * NO_MEMORY. */
ddla_status ddla_bridge_lists_create(ddla_bridge_lists **out, const ddla_bridge_options *options,
                                     int64_t *sent_bytes);

/* What is under way is dropped. Null is allowed. */
void ddla_bridge_lists_destroy(ddla_bridge_lists *lists);

/* Starts order `number`, a step of so many samples; the one before is over. */
void ddla_bridge_lists_begin(ddla_bridge_lists *lists, uint64_t number, int64_t samples);

/* Does what can be done without waiting, once the host's own lists are whole; *moved is set if that
 * was anything. Errors: INVALID (a host's lists are longer than they can be), the link's. */
ddla_status ddla_bridge_lists_advance(ddla_bridge_lists *lists, bool *moved);

/* All lists of all hosts are here, and this host's with the others. */
bool ddla_bridge_lists_over(const ddla_bridge_lists *lists);

/* Messages are under way. */
bool ddla_bridge_lists_under_way(const ddla_bridge_lists *lists);

#endif
