/* Every rank's few bytes to all ranks, over messages; of world.c. Ranks are the library's. */
#ifndef DDLA_MPI_GATHER_H
#define DDLA_MPI_GATHER_H

#include "mpi/link.h"

typedef struct ddla_mpi_gather ddla_mpi_gather;

typedef struct ddla_mpi_gather_call {
  const void *mine;
  size_t bytes;
  int tag; /* of messages that nothing else uses; the next call takes another one */
  int64_t timeout_ms;
  const char *what;                                                 /* for messages */
  void (*name)(void *argument, int rank, char *text, size_t bytes); /* says who a rank is */
  void *argument;
} ddla_mpi_gather_call;

/* Sends to rank 0, which sends all to everybody; blocks, with short sleeps. *out holds the result
 * and, after a TIMEOUT, what is still under way: destroy it when the link is no longer used. It is
 * set, to be destroyed, also on failure. Errors: TIMEOUT naming who is missing, IO, NO_MEMORY. */
ddla_status ddla_mpi_gather_run(ddla_mpi_gather **out, ddla_mpi_link *link,
                                const ddla_mpi_gather_call *call);

/* Every rank's bytes, by rank. Borrowed. */
const unsigned char *ddla_mpi_gather_bytes(const ddla_mpi_gather *gather);

/* Null is allowed. */
void ddla_mpi_gather_destroy(ddla_mpi_gather *gather);

#endif
