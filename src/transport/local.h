/* The memory that agents of one machine share, made by the launcher before it forks (or starts
 * threads).
 *
 * The mapping is anonymous: nothing appears under /dev/shm and nothing is left behind, however a
 * run ends. Every agent then opens transport "local" with (region, rank). The launcher reports
 * deaths with ddla_local_region_raise; agents notice by themselves when the launcher is gone.
 *
 * Threads: all functions but create and destroy may be called by any thread of any process. */
#ifndef DDLA_TRANSPORT_LOCAL_H
#define DDLA_TRANSPORT_LOCAL_H

#include "transport/transport.h"

typedef struct ddla_local_region ddla_local_region;

/* What transport "local" is opened with. */
typedef struct ddla_local_setup {
  ddla_local_region *region; /* borrowed until the launcher destroys it */
  int rank;
  bool adopted; /* by a process that was not forked by the region's maker; who watches over it is
                   another matter then */
  /* Of processes that no launcher watches (local_share.h), looked at in every wait; borrowed until
   * the transport is closed. Null for others. */
  const struct ddla_local_peers *peers;
} ddla_local_setup;

/* Address space for `ranks` agents and `bytes` of blocks over all ranks together (each block of
 * alloc takes whole pages; OWN memory counts once per rank). Only touched pages become memory, so
 * be generous. Call before forking. Errors: INVALID (ranks outside 1..64), NO_MEMORY. */
ddla_status ddla_local_region_create(ddla_local_region **out, int ranks, size_t bytes);

/* Unmaps the region in this process. Null is allowed. */
void ddla_local_region_destroy(ddla_local_region *region);

int ddla_local_region_ranks(const ddla_local_region *region);

/* What ranks are called in messages: "agent" and from which number on (else from 0). By the maker,
 * before anybody else has the region; what lives for ever. */
void ddla_local_region_call(ddla_local_region *region, const char *what, int first);

/* For the launcher: rank has died of `signal` (0: it left without finishing). Every call that
 * waits, in every agent, then ends with PEER_LOST; sleepers are woken. Later raises change nothing
 * until reset. */
void ddla_local_region_raise(ddla_local_region *region, int rank, int signal);

/* For an agent: this failure ends the work of all. The first one is kept; every call that waits
 * ends with PEER_LOST and the failure's text. */
void ddla_local_region_fail(ddla_local_region *region, int rank, const ddla_failure *failure);

/* True if an agent has declared failure; copies the first one. */
bool ddla_local_region_failed(const ddla_local_region *region, int *rank, ddla_failure *failure);

/* True if a death was raised. */
bool ddla_local_region_lost(const ddla_local_region *region, int *rank, int *signal);

/* For recovery, while no agent has the transport open: blocks and messages are forgotten, memory is
 * zeroed, death and failure are cleared; what was opened before keeps failing. Errors: IO. */
ddla_status ddla_local_region_reset(ddla_local_region *region);

#endif
