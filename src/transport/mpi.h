/* Transport "mpi": the leaders of the hosts of a world (mpi/world.h), one rank for each host, over
 * messages of an MPI library.
 *
 * Messages. A receiver tells the sender of every receive that it posts (a grant: tag and length);
 * the sender matches grants with its sends and moves the data straight from buffer to buffer, in
 * pieces. So nothing arrives that nobody wants, lengths are compared before anything moves, and
 * either side can give up. Sums over the wire: a message costs its bytes and one grant of 32 bytes.
 *
 * Life. Every rank hears something of every other one at least each eighth of the time limit. One
 * that is silent for longer is lost, and that is a failure; the first failure that a rank declares
 * or notices is told to all and ends every call that waits. After a failure the library is not
 * called any more: buffers are the caller's, whatever was under way.
 *
 * Threads. The rows' rules; besides, who owns the transport calls wait or progress at least every
 * sixteenth of the time limit, since nothing else moves while it does not. */
#ifndef DDLA_TRANSPORT_MPI_H
#define DDLA_TRANSPORT_MPI_H

#include "mpi/world.h"
#include "transport/local_share.h"
#include "transport/transport.h"

/* What transport "mpi" is opened with, by the first rank of every host and no other. Open blocks
 * until all have come; close until all have closed, or one is lost. */
typedef struct ddla_mpi_setup {
  ddla_mpi_world *world; /* borrowed until it is destroyed, after the transport is closed */
  int64_t timeout_ms;    /* of silence; 0: 30 s */
} ddla_mpi_setup;

/* Collective over the whole world: one region for the ranks of each host, who then open transport
 * "local" with it, their place among the ranks of the host, and the peers. `bytes` of blocks as in
 * ddla_local_region_create; that of the host's first rank counts. The caller owns both; the region
 * is unmapped with ddla_local_region_destroy. Errors: UNSUPPORTED (no address that is free in all),
 * IO, NO_MEMORY, TIMEOUT naming who is missing; PEER_LOST on those whose fellow failed. */
ddla_status ddla_transport_mpi_share(ddla_local_region **out, ddla_local_peers **peers,
                                     ddla_mpi_world *world, size_t bytes);

/* The host whose silence or failure ended the work; -1: none did. Any thread. */
int ddla_transport_mpi_lost(ddla_transport *t);

#endif
