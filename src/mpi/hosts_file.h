/* The file that lists the machines of a cluster, in the spellings of both kinds of launchers:
 *
 *   # a comment; empty lines are fine
 *   h0 slots=4 max_slots=8      Open MPI's
 *   h1:4                        MPICH's
 *   h2                          one process, for both
 *
 * A host that is named again has the sum of its slots, as with the launchers. What a launcher would
 * do with a host that is not named here (users, network cards) is refused rather than lost, since
 * callers pass on names only. Threads: pure functions. */
#ifndef DDLA_MPI_HOSTS_FILE_H
#define DDLA_MPI_HOSTS_FILE_H

#include <stddef.h>

#include "mpi/world.h"

enum { DDLA_HOSTS_FILE_SLOTS_MAX = 4096, DDLA_HOSTS_FILE_BYTES_MAX = 1 << 20 };

typedef struct ddla_hosts_file_host {
  char name[DDLA_MPI_HOST_BYTES]; /* letters, digits, '.', '-', '_'; begins with none of '.', '-' */
  int slots;                      /* processes that it is to have */
} ddla_hosts_file_host;

/* In the order of their first lines; at least one. Plain value. */
typedef struct ddla_hosts_file {
  int count;
  ddla_hosts_file_host host[DDLA_MPI_HOSTS_MAX];
} ddla_hosts_file;

/* Reads a text; `name` stands for the file in messages. Errors: INVALID with line and reason. */
ddla_status ddla_hosts_file_read(ddla_hosts_file *out, const char *text, size_t bytes,
                                 const char *name);

/* Reads a file. Errors: the same; those of ddla_file_read. */
ddla_status ddla_hosts_file_load(ddla_hosts_file *out, const char *path);

#endif
