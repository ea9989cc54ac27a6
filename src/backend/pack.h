/* Packed copies of weights, shared by the lanes of an agent and keyed by the version of θ: packing
 * is done by the first lane that needs it in a step, the others wait for it. All plans that share a
 * cache are of one precision. Threads: any lane, any time. */
#ifndef DDLA_BACKEND_PACK_H
#define DDLA_BACKEND_PACK_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ddla_pack_cache ddla_pack_cache;
typedef struct ddla_pack_slot ddla_pack_slot;

ddla_status ddla_pack_cache_create(ddla_pack_cache **out);
void ddla_pack_cache_destroy(ddla_pack_cache *cache);

/* Slot for parameter `parameter_id` packed in the form `layout` (a string that names the form
 * wholly, for example kernel name, pass and the library's own description). The same id and layout
 * give the same slot. */
ddla_status ddla_pack_reserve(ddla_pack_slot **out, ddla_pack_cache *cache, int parameter_id,
                              const char *layout, size_t bytes);

/* Packs `from` into `to`. */
typedef ddla_status (*ddla_pack_fill)(void *to, const void *from, void *argument);

/* The slot's memory holding `version` of the parameter; fills it first where it holds another
 * version. Version 0 means unknown: always filled, then valid only for a single lane. */
ddla_status ddla_pack_use(const void **out, ddla_pack_slot *slot, uint64_t version,
                          const void *from, ddla_pack_fill fill, void *argument);

#endif
