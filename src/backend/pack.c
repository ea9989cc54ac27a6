#include "backend/pack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"

struct ddla_pack_slot {
  ddla_pack_slot *next;
  pthread_mutex_t filling;  /* held while the packed form is written */
  _Atomic uint64_t version; /* of the parameter the memory holds; 0: none */
  int parameter_id;
  char *layout;
  void *memory;
};

struct ddla_pack_cache {
  pthread_mutex_t reserving;
  ddla_pack_slot *first;
};

ddla_status ddla_pack_cache_create(ddla_pack_cache **out) {
  ddla_pack_cache *cache = NULL;
  DDLA_TRY(DDLA_NEW(cache, 1));
  pthread_mutex_init(&cache->reserving, NULL);
  *out = cache;
  return DDLA_OK;
}

static void slot_destroy(ddla_pack_slot *slot) {
  if (!slot) return;
  pthread_mutex_destroy(&slot->filling);
  ddla_free(slot->layout);
  ddla_free(slot->memory);
  ddla_free(slot);
}

void ddla_pack_cache_destroy(ddla_pack_cache *cache) {
  if (!cache) return;
  while (cache->first) {
    ddla_pack_slot *slot = cache->first;
    cache->first = slot->next;
    slot_destroy(slot);
  }
  pthread_mutex_destroy(&cache->reserving);
  ddla_free(cache);
}

static ddla_status slot_create(ddla_pack_slot **out, int parameter_id, const char *layout,
                               size_t bytes) {
  ddla_status status = DDLA_OK;
  ddla_pack_slot *slot = NULL;
  char *memory = NULL;
  DDLA_TRY(DDLA_NEW(slot, 1));
  pthread_mutex_init(&slot->filling, NULL);
  slot->parameter_id = parameter_id;
  DDLA_TRY_CLEAN(status, ddla_alloc_text(&slot->layout, layout));
  DDLA_TRY_CLEAN(status, DDLA_NEW(memory, bytes));
  slot->memory = memory;
  *out = slot;
cleanup:
  if (status != DDLA_OK) slot_destroy(slot);
  return status;
}

ddla_status ddla_pack_reserve(ddla_pack_slot **out, ddla_pack_cache *cache, int parameter_id,
                              const char *layout, size_t bytes) {
  ddla_status status = DDLA_OK;
  pthread_mutex_lock(&cache->reserving);
  ddla_pack_slot *slot = cache->first;
  while (slot && (slot->parameter_id != parameter_id || strcmp(slot->layout, layout) != 0))
    slot = slot->next;
  if (!slot) {
    status = slot_create(&slot, parameter_id, layout, bytes);
    if (status == DDLA_OK) {
      slot->next = cache->first;
      cache->first = slot;
    }
  }
  pthread_mutex_unlock(&cache->reserving);
  if (status == DDLA_OK) *out = slot;
  return status;
}

ddla_status ddla_pack_use(const void **out, ddla_pack_slot *slot, uint64_t version,
                          const void *from, ddla_pack_fill fill, void *argument) {
  ddla_status status = DDLA_OK;
  if (version == 0 || atomic_load_explicit(&slot->version, memory_order_acquire) != version) {
    pthread_mutex_lock(&slot->filling);
    if (version == 0 || atomic_load_explicit(&slot->version, memory_order_relaxed) != version) {
      status = fill(slot->memory, from, argument);
      atomic_store_explicit(&slot->version, status == DDLA_OK ? version : 0, memory_order_release);
    }
    pthread_mutex_unlock(&slot->filling);
  }
  if (status == DDLA_OK) *out = slot->memory;
  return status;
}
