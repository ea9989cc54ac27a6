#include <inttypes.h>

#include "base/alloc.h"
#include "transport/sim_world.h"

enum { PAGE = 4096 };

static ddla_status make_block(ddla_sim_world *world, size_t bytes, unsigned kind) {
  if (world->block_count == DDLA_SIM_BLOCKS_MAX)
    return DDLA_FAIL(NO_MEMORY, "more than %d simulated blocks", DDLA_SIM_BLOCKS_MAX);
  ddla_sim_block *block = &world->blocks[world->block_count];
  int copies = kind == DDLA_MEMORY_OWN ? world->ranks : 1;
  *block = (ddla_sim_block){.bytes = bytes, .kind = kind};
  block->stride = (bytes + PAGE - 1) / PAGE * PAGE;
  for (int i = 0; i < copies; i++)
    DDLA_TRY(DDLA_NEW(block->ranks[i], block->stride)); /* leaks are freed below */
  for (int i = copies; i < world->ranks; i++) block->ranks[i] = block->ranks[0];
  world->block_count++;
  return DDLA_OK;
}

ddla_status ddla_sim_alloc(ddla_transport *t, void **out, size_t bytes, unsigned kind) {
  ddla_sim_rank *rank = (ddla_sim_rank *)t;
  ddla_sim_world *world = rank->world;
  DDLA_TRY(ddla_sim_pause(rank));
  if (rank->block_count == world->block_count) DDLA_TRY(make_block(world, bytes, kind));
  ddla_sim_block *block = &world->blocks[rank->block_count];
  if (block->bytes != bytes || block->kind != kind)
    return DDLA_FAIL(INVALID,
                     "agents differ on block %d: agent %d asks for %zu bytes, another for %zu",
                     rank->block_count, t->rank, bytes, block->bytes);
  rank->block_count++;
  *out = block->ranks[t->rank];
  return DDLA_OK;
}

void *ddla_sim_peer(ddla_transport *t, const void *address, int peer) {
  const ddla_sim_world *world = ((ddla_sim_rank *)t)->world;
  if (!(t->ops->caps & DDLA_TRANSPORT_SHARED) && peer != t->rank) return NULL;
  for (int b = 0; b < world->block_count; b++) {
    const ddla_sim_block *block = &world->blocks[b];
    for (int i = 0; i < world->ranks; i++) {
      uintptr_t at = (uintptr_t)address - (uintptr_t)block->ranks[i];
      if (at < block->bytes) return block->ranks[peer] + at;
    }
  }
  return NULL;
}

void ddla_sim_free_blocks(ddla_sim_world *world) {
  for (int b = 0; b < DDLA_SIM_BLOCKS_MAX; b++) {
    ddla_sim_block *block = &world->blocks[b];
    int copies = block->kind == DDLA_MEMORY_OWN ? world->ranks : block->kind ? 1 : 0;
    for (int i = 0; i < copies; i++) ddla_free(block->ranks[i]);
    *block = (ddla_sim_block){0};
  }
}
