/* Attention on AVX-512 by blocks: what forward and backward have in common. A head is worked on in
 * blocks of keys; scores exist for one block of queries and one of keys at a time, and the weights
 * of a row are scaled anew as larger scores turn up (Milakov and Gimelshein 2018, arXiv:1805.02867;
 * Dao et al. 2022, arXiv:2205.14135). The order of all sums is given by the sizes.
 *
 * Scores are kept in units of log 2: a weight is 2^(score unit - m). */
#ifndef DDLA_BACKEND_NATIVE_ATTENTION_PARTS_H
#define DDLA_BACKEND_NATIVE_ATTENTION_PARTS_H

#include "backend/native/block.h"
#include "backend/native/exp2.h"
#include "op/attention.h"

#if DDLA_HAS_AVX512

/* Keys whose columns lie side by side in a turned matrix: [keys / LINE][size][LINE]. */
enum { DDLA_ATTENTION_LINE = 64 };

/* Rows of one head. */
typedef struct ddla_attention_head {
  const float *data;
  int64_t row, count, size; /* elements between rows, rows, columns */
} ddla_attention_head;

/* Floats of scratch for one head. */
int64_t ddla_attention_forward_floats(const ddla_attention *a);
int64_t ddla_attention_backward_floats(const ddla_attention *a);

/* One head of one sample: writes o, and, where it is not null, the logarithm to base 2 of the sum
 * of the weights of each row [queries]. */
void ddla_attention_forward(const ddla_attention *a, int64_t sample, int64_t head, float *log_sum,
                            float *scratch);

/* One head of one sample: overwrites dq, dk and dv where they are wanted. */
void ddla_attention_backward(const ddla_attention *a, int64_t sample, int64_t head,
                             const float *log_sum, float *scratch);

/* to [count / LINE rounded up][size][LINE] = the rows turned, behind the last one zeros. size is a
 * multiple of 16. */
void ddla_attention_turn(float *to, ddla_attention_head rows);

/* to = the rows, to_row apart. */
void ddla_attention_copy(float *to, int64_t to_row, ddla_attention_head rows);

/* c = a b, or c += a b, for columns in multiples of 16; fields as in native/block.h. */
void ddla_attention_product(const ddla_block *block, int64_t rows, int64_t columns);

/* Floats of a turned matrix. */
static inline int64_t ddla_attention_turned_floats(int64_t count, int64_t size) {
  return (count + DDLA_ATTENTION_LINE - 1) / DDLA_ATTENTION_LINE * DDLA_ATTENTION_LINE * size;
}

static inline int64_t ddla_attention_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* A number of columns rounded up to whole vectors. */
static inline int64_t ddla_attention_whole(int64_t columns) { return (columns + 15) / 16 * 16; }

/* Columns of a block of keys from `first` on that query i sees; may be negative. */
static inline int64_t ddla_attention_seen(const ddla_attention *a, int64_t limit, int64_t i,
                                          int64_t first) {
  return (a->causal && i + 1 < limit ? i + 1 : limit) - first;
}

/* Mask of the columns from c on among the first `seen`. */
DDLA_AVX512_INLINE __mmask16 ddla_attention_mask(int64_t seen, int64_t c) {
  const int64_t left = seen - c;
  return left >= 16 ? (__mmask16)0xFFFF : left <= 0 ? (__mmask16)0 : ddla_mask_first((int)left);
}

#endif
#endif
