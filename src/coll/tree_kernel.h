/* Adding in passes: one kernel for each instruction set and number format, made from
 * tree_kernel_body.h. Used by tree.c only. */
#ifndef DDLA_COLL_TREE_KERNEL_H
#define DDLA_COLL_TREE_KERNEL_H

#include "coll/tree.h"

/* One pass: for e in [0, count): sum of the 2, 4 or 8 inputs in balanced order (1: a copy), to all
 * outputs. */
typedef struct ddla_tree_pass {
  const void *inputs[8];
  void *outputs[DDLA_TREE_OUTPUTS_MAX];
  int width, output_count;
  bool stream; /* past the caches; outputs are then aligned to 64 bytes */
} ddla_tree_pass;

typedef void ddla_tree_kernel(const ddla_tree_pass *pass, int64_t count);

/* The best kernel of this machine. */
ddla_tree_kernel *ddla_tree_kernel_for(ddla_coll_type type);

/* Kernel by position: 0 plain, then the faster ones that this machine runs; null after the last.
 * For tests. */
ddla_tree_kernel *ddla_tree_kernel_at(ddla_coll_type type, int index);

#endif
