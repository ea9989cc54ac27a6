#include "sync/sum/leaves.h"

#include <stdint.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "coll/tree.h"

void ddla_leaves_share(int *first, int *end, int shards, int agents, int lanes, int worker) {
  int64_t agent = worker / lanes, lane = worker % lanes;
  int64_t agent_first = shards * agent / agents, agent_end = shards * (agent + 1) / agents;
  int64_t count = agent_end - agent_first;
  *first = (int)(agent_first + count * lane / lanes);
  *end = (int)(agent_first + count * (lane + 1) / lanes);
}

bool ddla_leaves_siblings(int shards, int a, int m, int b) {
  return ddla_tree_is_subtree(shards, (ddla_tree_part){a, b - a}) && a + ddla_tree_left(b - a) == m;
}

/* The first sample of a shard, as data/batch.h deals them out. */
static int64_t border(int shards, int64_t samples, int64_t shard) {
  return shard * (samples / shards) + shard * (samples % shards) / shards;
}

bool ddla_leaves_empty(int shards, int64_t samples, int shard) {
  return border(shards, samples, shard) == border(shards, samples, shard + 1);
}

int ddla_leaves_filled(int shards, int64_t samples, int first, int end) {
  if (samples >= shards) return end - first;
  return (int)(border(shards, samples, end) - border(shards, samples, first)); /* one in each */
}

/* A free buffer number: buffers in use are those of the operands on the stack. */
static int free_buffer(ddla_leaves *leaves) {
  for (int buffer = 0;; buffer++) {
    bool used = false;
    for (int i = 0; i < leaves->operand_count; i++) used |= leaves->operand[i].buffer == buffer;
    if (used) continue;
    if (buffer >= leaves->buffer_count) leaves->buffer_count = buffer + 1;
    return buffer;
  }
}

/* Adds the rightmost pair of neighbours that are halves of one span; false where there is none. */
static bool merge_one(ddla_leaves *leaves, int shards, int after_shard) {
  for (int i = leaves->operand_count - 2; i >= 0; i--) {
    ddla_leaves_operand *left = &leaves->operand[i], *right = &leaves->operand[i + 1];
    if (!ddla_leaves_siblings(shards, left->first, left->end, right->end)) continue;
    leaves->merge[leaves->merge_count++] = (ddla_leaves_merge){
        after_shard, left->buffer, right->buffer, left->first, left->end, right->first, right->end};
    left->end = right->end;
    for (int k = i + 1; k + 1 < leaves->operand_count; k++)
      leaves->operand[k] = leaves->operand[k + 1];
    leaves->operand_count--;
    return true;
  }
  return false;
}

/* A shard goes on top of its left sibling's buffer where that is a single shard, else into a free
 * one. */
static void place(ddla_leaves *leaves, int shards, int shard, bool direct) {
  if (direct && leaves->operand_count > 0) {
    ddla_leaves_operand *top = &leaves->operand[leaves->operand_count - 1];
    if (top->end - top->first == 1 && ddla_leaves_siblings(shards, top->first, shard, shard + 1)) {
      leaves->buffer[shard - leaves->first] = top->buffer;
      top->end = shard + 1;
      return;
    }
  }
  int buffer = free_buffer(leaves);
  DDLA_ASSERT(leaves->operand_count < DDLA_LEAVES_OPERANDS_MAX);
  leaves->operand[leaves->operand_count++] = (ddla_leaves_operand){shard, shard + 1, buffer};
  leaves->buffer[shard - leaves->first] = buffer;
}

ddla_status ddla_leaves_create(ddla_leaves *out, int shards, int first, int end, bool direct) {
  ddla_leaves leaves = {.first = first, .end = end};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(leaves.buffer, end - first));
  DDLA_TRY_CLEAN(status, DDLA_NEW(leaves.merge, end - first));
  for (int shard = first; shard < end; shard++) {
    place(&leaves, shards, shard, direct);
    while (leaves.operand_count >= DDLA_LEAVES_PREFERRED && shard + 1 < end &&
           merge_one(&leaves, shards, shard))
      continue;
  }
  *out = leaves;
  return DDLA_OK;
cleanup:
  ddla_leaves_destroy(&leaves);
  return status;
}

void ddla_leaves_destroy(ddla_leaves *leaves) {
  ddla_free(leaves->buffer);
  ddla_free(leaves->merge);
  *leaves = (ddla_leaves){0};
}
