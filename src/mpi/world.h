/* All processes that an MPI launcher started, as ranks of one world in which the ranks of a host
 * stand together.
 *
 * Launchers may deal processes out to hosts in any order. Here hosts are numbered by the lowest
 * rank that the library gave to one of their processes, and ranks are numbered anew: those of host
 * 0 first, then those of host 1. The first rank of a host leads it: leaders exchange with each
 * other (transport "mpi"), the others share memory with their leader.
 *
 * Threads: one at a time, but getters any. */
#ifndef DDLA_MPI_WORLD_H
#define DDLA_MPI_WORLD_H

#include "mpi/launcher.h"
#include "mpi/link.h"

typedef struct ddla_mpi_world ddla_mpi_world;

enum { DDLA_MPI_HOST_BYTES = 64, DDLA_MPI_HOSTS_MAX = 64, DDLA_MPI_PLACES_MAX = 64 };

/* Tags of the world's own messages and those that its users may take. */
enum { DDLA_MPI_TAGS_WORLD = 1024, DDLA_MPI_TAGS_MAX = 32767 };

typedef struct ddla_mpi_options {
  const char *library; /* whose plug-in; null: the one that fits the launcher */
  const char *folder;  /* of plug-ins; null: see load.h */
  /* This process's host; null: the variable DDLA_HOST_NAME, or the machine's name. Processes of one
   * machine with different names count as on different hosts, which rehearses a cluster. */
  const char *host;
  bool apart;         /* every process counts as a host of its own */
  int64_t timeout_ms; /* that others may take to answer at the start and at the end */
  /* MPI waits for all processes when it starts, for ever. After start_ms (0: never) `late` is
   * called on another thread, once: it may end the process. */
  int64_t start_ms;
  void (*late)(void *argument);
  void *argument;
  const ddla_mpi_signs *signs; /* null: those of this process */
} ddla_mpi_options;

/* Starts the MPI library and numbers hosts and ranks. Blocks until all ranks have come. The caller
 * owns *out. Errors: UNSUPPORTED (plug-in; tags or threads of the library), INVALID (launcher and
 * library do not belong together; more hosts or ranks than there may be), TIMEOUT naming who is
 * missing, IO, NO_MEMORY. */
ddla_status ddla_mpi_world_start(ddla_mpi_world **out, const ddla_mpi_options *options);

int ddla_mpi_world_rank(const ddla_mpi_world *world);
int ddla_mpi_world_ranks(const ddla_mpi_world *world);

/* How many hosts, and which is this one. */
int ddla_mpi_world_hosts(const ddla_mpi_world *world);
int ddla_mpi_world_host(const ddla_mpi_world *world);

/* This rank's place among those of its host, from 0. */
int ddla_mpi_world_place(const ddla_mpi_world *world);

/* A host's name (borrowed), number of ranks, and first rank. */
const char *ddla_mpi_world_host_name(const ddla_mpi_world *world, int host);
int ddla_mpi_world_places(const ddla_mpi_world *world, int host);
int ddla_mpi_world_first(const ddla_mpi_world *world, int host);

/* Ranks on this rank's machine: those of its host, or more where processes are apart. */
int ddla_mpi_world_beside(const ddla_mpi_world *world);

/* "Open MPI v4.1.4", and how the processes were started ("Open MPI's mpirun"; null: by no
 * launcher). Borrowed. */
const char *ddla_mpi_world_library(const ddla_mpi_world *world);
const char *ddla_mpi_world_launcher(const ddla_mpi_world *world);

/* Whether threads other than the one that started may take turns in calling. */
bool ddla_mpi_world_has_threads(const ddla_mpi_world *world);

/* Collective: `all` gets every rank's `bytes` bytes, by rank. `what` says in messages what is being
 * done ("compare the jobs"). Errors: TIMEOUT naming who is missing (the world can then only be
 * left), IO, NO_MEMORY. */
ddla_status ddla_mpi_world_gather(ddla_mpi_world *world, void *all, const void *mine, size_t bytes,
                                  const char *what);

/* From here on: the time that others may take to answer. */
void ddla_mpi_world_limit(ddla_mpi_world *world, int64_t timeout_ms);

/* For the transport: the link, the library's rank of a rank of the world, and a number that grows
 * with every call. */
ddla_mpi_link *ddla_mpi_world_link(ddla_mpi_world *world);
int ddla_mpi_world_library_rank(const ddla_mpi_world *world, int rank);
unsigned ddla_mpi_world_count_opens(ddla_mpi_world *world);

/* Collective: the agreed end of a run that went well. Waits until all ranks have come, then ends
 * the library. Where that takes longer than timeout_ms (some libraries hang there), `stuck` is
 * called on another thread, once: it may end the process. After a failure this is not called: the
 * process writes out what it has to say and leaves by _exit with a status that is not 0, and the
 * launcher ends the others (measured: Open MPI within 2 s, MPICH within 0.1 s). Errors: TIMEOUT,
 * IO.
 */
ddla_status ddla_mpi_world_end(ddla_mpi_world *world, void (*stuck)(void *argument),
                               void *argument);

/* For the transport: whoever calls the link holds the world's lock, as several transports may use
 * one link. Any thread. */
void ddla_mpi_world_lock(ddla_mpi_world *world);
bool ddla_mpi_world_try_lock(ddla_mpi_world *world);
void ddla_mpi_world_unlock(ddla_mpi_world *world);

/* What the transports of a world have in common; used under its lock. All live and die together:
 * a sign of life on one counts for all, and the failure of one is all others' too. */
enum { DDLA_MPI_USERS_MAX = 4 };
typedef struct ddla_mpi_users {
  int64_t heard_ns[DDLA_MPI_HOSTS_MAX]; /* of each host, when the newest sign of life was read */
  int64_t polled_ns;                    /* when this process listened the last time */
  void *user[DDLA_MPI_USERS_MAX];       /* transports that are open; null: free */
} ddla_mpi_users;
ddla_mpi_users *ddla_mpi_world_users(ddla_mpi_world *world);

/* For the transport: its work has failed, so that the link is left alone by all; the first failure
 * is kept. Null: there was none. Borrowed until destroy. Any thread. */
void ddla_mpi_world_fail(ddla_mpi_world *world, const ddla_failure *failure);
const ddla_failure *ddla_mpi_world_failure(const ddla_mpi_world *world);

/* For the transport: a host has been silent for too long. Any thread. */
void ddla_mpi_world_lose(ddla_mpi_world *world, int host);

/* The first host that was silent for too long; -1: none. */
int ddla_mpi_world_lost(const ddla_mpi_world *world);

/* Leaves a world of which a host was lost: the launcher may not reach that host either, and would
 * wait for its own process there. Ends the other processes where the library can, and this one. */
_Noreturn void ddla_mpi_world_abandon(ddla_mpi_world *world, int status);

/* Keeps memory (of base/alloc.h) into which the library may still write until destroy. */
void ddla_mpi_world_keep(ddla_mpi_world *world, void *memory);

/* Frees the memory; ends nothing. The link must not be used any more. Null is allowed. */
void ddla_mpi_world_destroy(ddla_mpi_world *world);

#endif
