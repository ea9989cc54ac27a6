/* The bridge between hosts. The agents of a host sum and update in memory that they share; what
 * their sums lack is what other hosts computed. A thread of the host's first agent, the only one
 * that calls the link, sends and receives it: see bridge_layout.h for who sends what.
 *
 * Orders. Workers tell the thread what comes next by orders, numbered from 1, which are the same on
 * all hosts: a step, or a meeting at which small arrays are shared. The thread tells how far it is
 * by a word: an order's `progress` grows as its parts arrive. A range of a step leaves as soon as
 * the host's workers have reported it final, while they still compute what lies below it.
 *
 * Where there can be no thread (a simulator, an MPI library that grants none), the first worker of
 * the host does its work, whenever it reports something final and while it waits.
 *
 * A failure on either side ends both: a host's agents learn of another host's failure through their
 * own transport, and the other way round. Threads: create and destroy by one thread of an agent;
 * the others by any worker. */
#ifndef DDLA_SYNC_BRIDGE_BRIDGE_H
#define DDLA_SYNC_BRIDGE_BRIDGE_H

#include "sync/bridge/bridge_layout.h"
#include "sync/sum/operands.h"
#include "sync/sync.h"
#include "sync/turns/service.h"

/* What a host's workers tell the thread to do. */
typedef struct ddla_bridge_order {
  uint64_t step;   /* that is made, from 1; 0: a meeting */
  int64_t samples; /* of the step */
  int part_count;  /* what is shared at a meeting */
  ddla_sync_part part[DDLA_SYNC_PARTS_MAX];
  bool brings; /* a meeting at which the one part, one item, comes from a host to the first one */
  int from;    /* that host */
} ddla_bridge_order;

/* What the agents of a host and the thread share, zeroed at the start. */
typedef struct ddla_bridge_board {
  _Alignas(64) ddla_word posted;   /* orders given */
  _Alignas(64) ddla_word progress; /* see ddla_bridge_target_* */
  _Alignas(64) ddla_bridge_order order[2];
  _Atomic uint32_t stop;       /* a host asked for a stop before this step's records left it */
  _Atomic int64_t sent_bytes;  /* by this host */
  _Atomic int64_t exchange_ns; /* from the first range that leaves to the last that is there */
  _Atomic int64_t exposed_ns;  /* of it, after the host's workers had computed everything */
} ddla_bridge_board;

/* Something of which every host has the items of its shards. */
typedef struct ddla_bridge_slices {
  void *base;
  size_t stride; /* bytes from a shard's item to the next */
} ddla_bridge_slices;

enum { DDLA_BRIDGE_SLICES_MAX = 2, DDLA_BRIDGE_ARRAYS_MAX = 2 };

typedef struct ddla_bridge_span {
  int64_t first, end;
} ddla_bridge_span;

/* A small array of which each range of the parameter space has a part. */
typedef struct ddla_bridge_array {
  char *base;
  size_t bytes;                 /* of an item */
  const ddla_bridge_span *span; /* [ranges] items, by range */
} ddla_bridge_array;

/* How hosts divide the update among themselves: the owner of a range keeps its sum, its host's
 * workers make of it the range's part of each array, one array after another, and at last the
 * range's new parameters, which then go to all. `waits` null: nothing is divided, sums go to all.
 */
typedef struct ddla_bridge_division {
  /* What must be reached before stage `stage` (an array's number; behind the last: parameters) of
   * the k-th own range is made; false: it is. */
  bool (*waits)(ddla_service_word *out, void *argument, uint64_t step, int stage, int k);
  float *(*parameters)(void *argument, uint64_t step); /* of version `step` [space] */
  ddla_bridge_array array[DDLA_BRIDGE_ARRAYS_MAX];
  int array_count;
} ddla_bridge_division;

/* What the thread asks the strategy. */
typedef struct ddla_bridge_calls {
  /* What must be reached before the step's gradients are final from an element on; the first that
   * is not, or none. element = space: before the shards' records are there. */
  bool (*waits)(ddla_service_word *out, void *argument, uint64_t step, int64_t element);
  /* What is shared of a step beside gradients: records of shards. */
  int (*slices)(ddla_bridge_slices out[DDLA_BRIDGE_SLICES_MAX], void *argument, uint64_t step);
  /* The hosts' shares of the step's shards: host h has [first[h], first[h + 1]). Null: those of the
   * layout, for ever. */
  void (*shares)(int first[DDLA_HOSTS_MAX + 1], void *argument, uint64_t step);
  bool (*stop_asked)(void *argument);
  void *argument;
} ddla_bridge_calls;

typedef struct ddla_bridge_options {
  ddla_transport *local; /* of this host's agents */
  ddla_transport *link;  /* messages between hosts; the thread's until destroy */
  const ddla_bridge_layout *layout;
  ddla_bridge_board *board;
  const ddla_operands *operands; /* this host's partial gradients */
  const ddla_state *state;       /* the lists of `operands` lie in its rows `lists` */
  int lists[2];                  /* -1: there are none */
  float *reduced;                /* [space]: where sums arrive; with a division: of own ranges */
  bool threadless;               /* see ddla_bridge_serve */
  bool fast;                     /* the link adds up, in an order of its own; no division */
  ddla_bridge_calls calls;
  ddla_bridge_division division;
} ddla_bridge_options;

typedef struct ddla_bridge ddla_bridge;

/* Starts the thread, if there is to be one. Everything is borrowed until destroy. Errors:
 * NO_MEMORY. */
ddla_status ddla_bridge_create(ddla_bridge **out, const ddla_bridge_options *options);

/* Ends the thread; what is under way is dropped. Null is allowed. */
void ddla_bridge_destroy(ddla_bridge *bridge);

/* Without a thread: does its work while the caller, always the same thread of the host's first
 * agent, waits until board->progress reaches a target; 0: looks once. Errors: those of the
 * transports; the first one again and again. */
ddla_status ddla_bridge_serve(ddla_bridge *bridge, uint64_t target);

/* Gives order `number`: one worker of the host for all. The one before last is done. */
void ddla_bridge_post(ddla_transport *local, ddla_bridge_board *board, uint64_t number,
                      const ddla_bridge_order *order);

/* What board->progress must reach: until an order is done; until a step's records are there, and
 * its sums down to an element. */
uint64_t ddla_bridge_target_done(const ddla_bridge_layout *layout, uint64_t number);
uint64_t ddla_bridge_target_down_to(const ddla_bridge_layout *layout, uint64_t number,
                                    int64_t element);

/* Until the lists of tables that are kept by row are there, of all hosts; not with a division. */
uint64_t ddla_bridge_target_lists(const ddla_bridge_layout *layout, uint64_t number);

/* With a division: until a step's records are there; the sum of the k-th own range too; an array
 * too, and all before. */
uint64_t ddla_bridge_target_records(const ddla_bridge_layout *layout, uint64_t number);
uint64_t ddla_bridge_target_own(const ddla_bridge_layout *layout, uint64_t number, int k);
uint64_t ddla_bridge_target_array(const ddla_bridge_layout *layout, uint64_t number, int array);

#endif
