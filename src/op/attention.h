/* What attention's reference and its kernels have in common. */
#ifndef DDLA_OP_ATTENTION_H
#define DDLA_OP_ATTENTION_H

#include "op/check.h"

/* One matrix of rows in a tensor: head h of sample n starts at data + n * sample + h * size, its
 * rows are `row` elements apart. */
typedef struct ddla_attention_matrix {
  float *data; /* null: not there, or not wanted */
  int64_t sample, row;
} ddla_attention_matrix;

/* Sizes of a call and where its matrices lie; plain value, borrowed from the call. */
typedef struct ddla_attention {
  int64_t samples, heads, size; /* size: columns of a head */
  int64_t queries, keys;
  bool causal;
  const int32_t *lengths;                /* keys of each sample that count; null: all */
  ddla_attention_matrix q, k, v, o;      /* read; o: written by forward */
  ddla_attention_matrix dq, dk, dv, d_o; /* d_o: read */
} ddla_attention;

ddla_attention ddla_attention_of(const ddla_op_call *call);

/* Start of a head's rows. */
static inline float *ddla_attention_rows(const ddla_attention *a, const ddla_attention_matrix *m,
                                         int64_t sample, int64_t head) {
  return m->data + sample * m->sample + head * a->size;
}

/* Errors: INVALID naming the first sample whose length is none. */
ddla_status ddla_attention_check(const ddla_attention *a);

/* Keys of a sample that count. */
static inline int64_t ddla_attention_limit(const ddla_attention *a, int64_t sample) {
  return a->lengths ? a->lengths[sample] : a->keys;
}

#endif
