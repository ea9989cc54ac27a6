/* A region (local.h) for processes that no common parent forked, as an MPI launcher starts them.
 *
 * One process makes the memory (a file without a name) and maps it at an address that it picks; it
 * offers that to the others, who open the file through /proc/PID/fd and map it at the same address,
 * since what stands on a region keeps addresses in it. Where the address is taken in one of them,
 * all try another one. Nothing appears under /dev/shm. Offers travel by other means: these
 * functions send nothing.
 *
 * Nobody waits for these processes' ends as a launcher does. So each of them looks after the others
 * whenever it waits: who ends without having closed its transport is dead. */
#ifndef DDLA_TRANSPORT_LOCAL_SHARE_H
#define DDLA_TRANSPORT_LOCAL_SHARE_H

#include "transport/local.h"

enum { DDLA_LOCAL_ATTEMPTS = 8 };

/* Plain bytes. */
typedef struct ddla_local_offer {
  int64_t process;
  int32_t file, ranks;
  uint64_t address, bytes;
  uint64_t device, inode; /* of the file, to know it again */
} ddla_local_offer;

/* Makes a region for `ranks` processes and `bytes` of blocks (as ddla_local_region_create) at the
 * address of an attempt, 0 to DDLA_LOCAL_ATTEMPTS - 1. The file in *offer stays open until
 * ddla_local_share_seal. Errors: INVALID, NO_MEMORY, IO, UNSUPPORTED (the address is taken). */
ddla_status ddla_local_share_make(ddla_local_region **out, ddla_local_offer *offer, int ranks,
                                  size_t bytes, int attempt);

/* Attaches an offered region. Errors: UNSUPPORTED (the address is taken), IO (the file cannot be
 * reached: other rights, or another name space of processes), NO_MEMORY. */
ddla_status ddla_local_share_attach(ddla_local_region **out, const ddla_local_offer *offer);

/* For the maker, once all have attached or given up: nobody attaches any more. */
void ddla_local_share_seal(ddla_local_offer *offer);

/* The other processes of a region, looked after by one of them. Threads: any, but open and close.
 */
typedef struct ddla_local_peers ddla_local_peers;

/* processes: those of all ranks. One that has ended already is found by the first look. Errors:
 * NO_MEMORY, IO. */
ddla_status ddla_local_peers_open(ddla_local_peers **out, ddla_local_region *region, int rank,
                                  const int64_t *processes);

/* Raises a death in the region for each process that has ended with its transport open, or before
 * it was opened. Cheap: one system call. */
void ddla_local_peers_look(const ddla_local_peers *peers);

/* Null is allowed. */
void ddla_local_peers_close(ddla_local_peers *peers);

#endif
