/* Inside of the shared region; for the files of transport "local" only.
 *
 * Layout: control | alloc log | links (ranks x ranks, from row to column) | heap. Everything in it
 * is written by one rank or is atomic. All zeros is a valid empty state. */
#ifndef DDLA_TRANSPORT_LOCAL_REGION_H
#define DDLA_TRANSPORT_LOCAL_REGION_H

#include <sys/types.h>

#include "transport/event.h"
#include "transport/local.h"
#include "transport/local_link.h"

enum { DDLA_LOCAL_EVENTS = 128, DDLA_LOCAL_BLOCKS_MAX = 4096, DDLA_LOCAL_PAGE = 4096 };

typedef struct ddla_local_seat {
  _Alignas(64) _Atomic uint32_t failed; /* 1: `failure` is written */
  _Atomic uint32_t left;                /* has closed its transport */
  ddla_failure failure;
} ddla_local_seat;

struct ddla_local_region {
  int ranks, first; /* first: the number of rank 0 in messages */
  char what[16];    /* it is called */
  int cores;        /* the launcher might use; fewer than ranks: do not spin */
  pid_t launcher;   /* 0: the processes have no common parent */
  size_t bytes;     /* of the mapping */
  size_t heap_offset, heap_bytes;
  _Alignas(64) _Atomic uint64_t death; /* epoch << 32 | rank << 16 | signal; epoch 0: nobody */
  _Atomic uint64_t abort;              /* rank + 1 of the first declared failure */
  _Atomic uint64_t generation;         /* counts resets */
  ddla_event events[DDLA_LOCAL_EVENTS];
  ddla_event bells[DDLA_TRANSPORT_RANKS_MAX];
  ddla_local_seat seats[DDLA_TRANSPORT_RANKS_MAX];
  _Atomic uint64_t
      blocks[DDLA_LOCAL_BLOCKS_MAX]; /* bytes << 2 | kind of each alloc, by the first caller */
  ddla_local_link links[];
};

/* Size of a region's mapping. Errors: INVALID. */
ddla_status ddla_local_region_measure(size_t *out, int ranks, size_t bytes);

/* Writes the control part of a zeroed mapping of that size. */
void ddla_local_region_init(ddla_local_region *region, int ranks, size_t bytes);

/* PEER_LOST if a death was raised or a failure declared. */
ddla_status ddla_local_region_check(const ddla_local_region *region);

/* The link that carries messages from one rank to another. */
static inline ddla_local_link *ddla_local_region_link(ddla_local_region *region, int from, int to) {
  return &region->links[from * region->ranks + to];
}

#endif
