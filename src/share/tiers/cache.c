#include "share/tiers/cache.h"

#include "base/alloc.h"

typedef struct entry {
  ddla_cache_tier tier;
  int64_t place;
} entry;

struct ddla_cache {
  int64_t memory, disk;           /* places */
  int64_t memory_used, disk_used; /* those below were taken once */
  int64_t *at;                    /* [memory] the block at a place */
  entry *entries;                 /* [blocks] */
  bool disk_failed;
};

ddla_status ddla_cache_create(ddla_cache **out, int64_t blocks, int64_t memory, int64_t disk) {
  ddla_cache *made = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->memory = memory;
  made->disk = disk;
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->at, memory));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->entries, blocks));
  *out = made;
  return DDLA_OK;
cleanup:
  ddla_cache_destroy(made);
  return status;
}

void ddla_cache_destroy(ddla_cache *cache) {
  if (!cache) return;
  ddla_free(cache->at);
  ddla_free(cache->entries);
  ddla_free(cache);
}

ddla_cache_tier ddla_cache_find(const ddla_cache *cache, int64_t block, int64_t *place) {
  *place = cache->entries[block].place;
  return cache->entries[block].tier;
}

static bool disk_has_room(const ddla_cache *cache) {
  return !cache->disk_failed && cache->disk_used < cache->disk;
}

bool ddla_cache_has_room(const ddla_cache *cache) {
  return cache->memory_used < cache->memory || disk_has_room(cache);
}

static int64_t put_on_disk(ddla_cache *cache, int64_t block) {
  if (!disk_has_room(cache)) {
    cache->entries[block] = (entry){0};
    return -1;
  }
  const int64_t place = cache->disk_used++;
  cache->entries[block] = (entry){DDLA_CACHE_DISK, place};
  return place;
}

static void put_in_memory(ddla_cache *cache, int64_t block, int64_t place) {
  cache->at[place] = block;
  cache->entries[block] = (entry){DDLA_CACHE_MEMORY, place};
}

/* The place whose block is needed last. */
static int64_t find_latest(int64_t *step, const ddla_cache *cache, ddla_cache_next *next,
                           void *argument) {
  int64_t found = -1;
  *step = -1;
  for (int64_t i = 0; i < cache->memory_used; i++) {
    const int64_t needed = next(argument, cache->at[i]);
    if (needed <= *step) continue;
    *step = needed;
    found = i;
  }
  return found;
}

ddla_cache_move ddla_cache_admit(ddla_cache *cache, int64_t block, ddla_cache_next *next,
                                 void *argument) {
  ddla_cache_move move = {.memory = -1, .disk = -1, .victim = -1, .victim_disk = -1};
  if (cache->memory_used < cache->memory) {
    move.memory = cache->memory_used++;
    put_in_memory(cache, block, move.memory);
    return move;
  }
  int64_t step = -1;
  const int64_t place = find_latest(&step, cache, next, argument);
  if (place < 0 || next(argument, block) >= step) {
    move.disk = put_on_disk(cache, block);
    return move;
  }
  move.memory = place;
  move.victim = cache->at[place];
  move.victim_disk = put_on_disk(cache, move.victim);
  put_in_memory(cache, block, place);
  return move;
}

void ddla_cache_fail_disk(ddla_cache *cache, int64_t block) {
  cache->disk_failed = true;
  if (cache->entries[block].tier == DDLA_CACHE_DISK) cache->entries[block] = (entry){0};
}
