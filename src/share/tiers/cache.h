/* Which blocks are in memory and which on disk, as numbers of places: a host's memory and disk
 * tier without their bytes. What stays and what goes follows from when blocks are needed next
 * (Belady 1966, "A study of replacement algorithms for a virtual-storage computer",
 * doi:10.1147/sj.52.0078): memory keeps those that are needed soonest, disk those behind them.
 * Threads: one. */
#ifndef DDLA_SHARE_TIERS_CACHE_H
#define DDLA_SHARE_TIERS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct ddla_cache ddla_cache;

typedef enum ddla_cache_tier {
  DDLA_CACHE_NOWHERE,
  DDLA_CACHE_MEMORY,
  DDLA_CACHE_DISK
} ddla_cache_tier;

/* memory, disk: places there. Errors: NO_MEMORY. */
ddla_status ddla_cache_create(ddla_cache **out, int64_t blocks, int64_t memory, int64_t disk);
void ddla_cache_destroy(ddla_cache *cache); /* null is allowed */

/* Where a block is, and its place there. */
ddla_cache_tier ddla_cache_find(const ddla_cache *cache, int64_t block, int64_t *place);

/* Whether a block more can be kept without one that goes. */
bool ddla_cache_has_room(const ddla_cache *cache);

/* When a block is needed next: a step; INT64_MAX: not for as long as is known. */
typedef int64_t ddla_cache_next(void *argument, int64_t block);

/* What becomes of a block that was read, and of the one that goes for it. */
typedef struct ddla_cache_move {
  int64_t memory;      /* the block's place in memory; -1: it is not kept there */
  int64_t disk;        /* its place on disk, where it is to be written; -1: not there */
  int64_t victim;      /* the block that was at `memory`; -1: none was */
  int64_t victim_disk; /* where that one is to be written; -1: it is gone */
} ddla_cache_move;

/* Takes in a block that is nowhere. */
ddla_cache_move ddla_cache_admit(ddla_cache *cache, int64_t block, ddla_cache_next *next,
                                 void *argument);

/* A block could not be written to its place on disk, and is nowhere; the disk takes no more. */
void ddla_cache_fail_disk(ddla_cache *cache, int64_t block);

#endif
