/* What the embedding's reference and its kernels have in common. */
#ifndef DDLA_OP_EMBEDDING_H
#define DDLA_OP_EMBEDDING_H

#include "op/check.h"

/* Sizes of a call; plain value. index is borrowed from the call. */
typedef struct ddla_embedding {
  int64_t count, length; /* indices, and how many make a sequence */
  int64_t rows, columns; /* of the table */
  bool wide;             /* indices of 64 bits, else of 32 */
  const void *index;
} ddla_embedding;

ddla_embedding ddla_embedding_of(const ddla_op_call *call);

/* Row of the table that index number i names. */
static inline int64_t ddla_embedding_row(const ddla_embedding *e, int64_t i) {
  return e->wide ? ((const int64_t *)e->index)[i] : ((const int32_t *)e->index)[i];
}

/* Errors: INVALID naming the first index that is not a row of the table. */
ddla_status ddla_embedding_check(const ddla_embedding *e);

#endif
