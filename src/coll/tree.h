/* The fixed tree: how sums over leaves (shards, ranks) are bracketed, so that a sum has the same
 * bits whoever holds which leaf.
 *
 * The sum over leaves [a, b) is the leaf itself if there is one, else sum [a, m) + sum [m, b) with
 * m = a + (the largest power of two below b - a). The tree over [0, leaves) is that of this rule.
 * An operand covers a subtree: [first, first + count) is one of the tree's intervals. A leaf that
 * no operand covers, or whose operand is absent, contributes nothing: absent + x = x, bit for bit.
 * For 6 leaves: ((0+1)+(2+3)) + (4+5).
 *
 * Threads: pure functions. */
#ifndef DDLA_COLL_TREE_H
#define DDLA_COLL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { DDLA_TREE_OPERANDS_MAX = 64, DDLA_TREE_OUTPUTS_MAX = 64, DDLA_TREE_TEMPS_MAX = 24 };

/* Number formats. i64 sums wrap; bytes are moved and never summed. */
typedef enum ddla_coll_type {
  DDLA_COLL_F32,
  DDLA_COLL_F64,
  DDLA_COLL_I64,
  DDLA_COLL_BYTE
} ddla_coll_type;

/* Bytes of one element. */
size_t ddla_coll_type_bytes(ddla_coll_type type);

/* Leaves [first, first + count). */
typedef struct ddla_tree_part {
  int64_t first, count;
} ddla_tree_part;

/* Where a node of `count` > 1 leaves is split: the largest power of two below count. */
int64_t ddla_tree_left(int64_t count);

/* True if the part is a subtree of the tree over [0, leaves). */
bool ddla_tree_is_subtree(int64_t leaves, ddla_tree_part part);

/* Cuts leaves [first, first + count) into the fewest subtrees, from left to right; writes them to
 * parts (room for `room`) and returns how many, or -1 if there is no room. At most 2 * log2(leaves)
 * are needed. */
int ddla_tree_cut(ddla_tree_part *parts, int room, int64_t leaves, ddla_tree_part whole);

/* One pass of additions: a balanced sum of `width` (1, 2, 4 or 8) inputs. Inputs below
 * DDLA_TREE_OPERANDS_MAX are operands, the others temporaries. */
typedef struct ddla_tree_add {
  uint8_t width, output; /* output: a temporary; the last one writes the result */
  uint8_t inputs[8];
} ddla_tree_add;

/* The additions for a set of operands, in order. Plain value. add_count 0: everything is absent. */
typedef struct ddla_tree_plan {
  int operand_count, add_count, temp_count;
  ddla_tree_add adds[DDLA_TREE_OPERANDS_MAX];
} ddla_tree_plan;

/* Plans the sum of operands that cover parts[0..count), which are disjoint subtrees in rising
 * order, of the tree over [0, leaves). absent may be null, or says which operands contribute
 * nothing. Errors: INVALID (a part is no subtree, or out of order), UNSUPPORTED (more than 64
 * operands). */
ddla_status ddla_tree_plan_make(ddla_tree_plan *out, int64_t leaves, const ddla_tree_part *parts,
                                const bool *absent, int count);

/* What a reduction reads and writes. Pointers at element 0. */
typedef struct ddla_tree_io {
  const void *const *operands; /* as many as the plan's; absent ones are not looked at */
  void *const *outputs;        /* each gets the whole result */
  int output_count;
  ddla_coll_type type;
} ddla_tree_io;

/* outputs[*][i] = tree sum over operands of operand[i] for i in [first, first + count), in one pass
 * over memory. An output may be one of the operands, at the same address; other overlap is a bug.
 * If all operands are absent the result is 0. Big results are written past the caches when `stream`
 * is true; they are visible to whoever sees a later release store of this thread. Same bits on
 * every instruction set. Any alignment; 64-byte aligned outputs are fastest. */
void ddla_tree_run(const ddla_tree_plan *plan, const ddla_tree_io *io, int64_t first, int64_t count,
                   bool stream);

/* The same with the plan made on the spot: operands[i] (null: absent) covers parts[i]. Errors: as
 * plan_make. */
ddla_status ddla_tree_reduce(const ddla_tree_io *io, int64_t leaves, const ddla_tree_part *parts,
                             int operand_count, int64_t elements);

#endif
