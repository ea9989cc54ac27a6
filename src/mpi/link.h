/* One process's end of an MPI library: starts it, sends and receives, and ends it. Below world.h,
 * which gives ranks their numbers. Ranks are the library's here.
 *
 * Threads: one at a time. Only start, form, nap and end block. */
#ifndef DDLA_MPI_LINK_H
#define DDLA_MPI_LINK_H

#include <stdint.h>

#include "mpi/load.h"

typedef struct ddla_mpi_link ddla_mpi_link;

/* An operation under way; memory of the caller, which stays in place while `flying`. */
typedef struct ddla_mpi_flight {
  int operation;
  bool flying, given_up, cancelled;
  size_t bytes; /* received, once it has landed */
} ddla_mpi_flight;

/* What moves: `bytes` bytes to or from a rank (-1, to receive only: from whoever sends). */
typedef struct ddla_mpi_message {
  int rank, tag;
  void *data; /* of a send: only read */
  size_t bytes;
} ddla_mpi_message;

/* Loads the library's plug-in (see load.h) and starts the library. Errors: UNSUPPORTED (plug-in;
 * the library grants too few threads), IO (the library's own words), NO_MEMORY. */
ddla_status ddla_mpi_link_start(ddla_mpi_link **out, const char *library, const char *folder);

/* What the library said at its start, and the plug-in. Borrowed. */
const ddla_mpi_start *ddla_mpi_link_facts(const ddla_mpi_link *link);
const ddla_mpi_loaded *ddla_mpi_link_loaded(const ddla_mpi_link *link);

/* Start moving bytes. flight->flying is false, and nothing happens, while too many operations are
 * under way: try again later. Errors: IO. */
ddla_status ddla_mpi_link_send(ddla_mpi_link *link, ddla_mpi_flight *flight,
                               const ddla_mpi_message *message);
ddla_status ddla_mpi_link_recv(ddla_mpi_link *link, ddla_mpi_flight *flight,
                               const ddla_mpi_message *message);

/* Blocks until all ranks have called it; those with `member` can then add numbers up. Errors: IO.
 */
ddla_status ddla_mpi_link_form(ddla_mpi_link *link, bool member);

/* Start adding up count floats of all members, in place; as send. Errors: IO. */
ddla_status ddla_mpi_link_sum(ddla_mpi_link *link, ddla_mpi_flight *flight, float *data,
                              size_t count);

/* Lets the library work; flights that have landed are marked. *moved is set if one has. Errors: IO.
 */
ddla_status ddla_mpi_link_poll(ddla_mpi_link *link, bool *moved);

/* Asks the library to give up a receive; poll marks its end. Errors: IO. */
ddla_status ddla_mpi_link_cancel(ddla_mpi_link *link, ddla_mpi_flight *flight);

/* Sleeps so long. */
void ddla_mpi_link_nap(int64_t ns);

/* Ends the library, which may block: every rank must call it. Errors: IO. */
ddla_status ddla_mpi_link_finalize(ddla_mpi_link *link);

/* Ends all processes that the launcher reaches, if the library can: see plugin.h. Returns if not.
 */
void ddla_mpi_link_abort(ddla_mpi_link *link, int status);

/* Frees the memory; flights are forgotten. Null is allowed. */
void ddla_mpi_link_destroy(ddla_mpi_link *link);

#endif
