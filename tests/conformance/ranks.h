/* Runs a function on every rank of a group, for tests: as threads or processes over transport
 * "local", as fibers over "sim" and "sim_shared", alone over "self", or, in a test program that an
 * MPI launcher has started, over "mpi", where every process plays a host of its own. */
#ifndef DDLA_TESTS_RANKS_H
#define DDLA_TESTS_RANKS_H

#include "transport/sim.h"
#include "transport/transport.h"

typedef enum ranks_world {
  RANKS_SELF,
  RANKS_THREADS,
  RANKS_PROCESSES,
  RANKS_SIM,
  RANKS_SIM_SHARED,
  RANKS_MPI,
  RANKS_WORLD_COUNT
} ranks_world;

extern const char *const ranks_world_names[];

typedef ddla_status ranks_main(ddla_transport *transport, void *argument);

/* Whether this process can run so many ranks of a world: under an MPI launcher as many as it
 * started over "mpi" and nothing else, else everything but that. */
bool ranks_available(ranks_world world, int ranks);

/* The agreed end of a test program: `failed` tests here. Returns the program's status. */
int ranks_end(int failed);

/* Runs rank_main on `ranks` ranks; the first failure of a rank (by rank) is raised here, with its
 * words. With processes, what a rank writes to ordinary memory is not seen here. */
ddla_status ranks_run(ranks_world world, int ranks, ranks_main *rank_main, void *argument);

#endif
