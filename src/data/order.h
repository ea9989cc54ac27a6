/* The order of samples in an epoch, as a function of (seed, epoch, position) with constant memory.
 *
 * A keyed permutation of [0, count): for up to 256 samples a table drawn by Fisher and Yates, so
 * that every one of the count! orders has the same chance; above that an alternating unbalanced
 * Feistel network over the smallest power of two that holds count, walked along its cycle until it
 * lands below count (Black and Rogaway 2002, "Ciphers with arbitrary finite domains",
 * doi:10.1007/3-540-45760-7_9). It differs from a cipher in that its round function only has to
 * look random, not to keep a secret. Threads: an order is a plain value and is only read. */
#ifndef DDLA_DATA_ORDER_H
#define DDLA_DATA_ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum { DDLA_ORDER_ROUNDS = 8, DDLA_ORDER_TABLE = 256 };

/* Plain value; its fields belong to order.c. */
typedef struct ddla_order {
  int64_t count;
  bool plain; /* position i is sample i */
  int low_bits;
  uint64_t low_mask, high_mask;
  uint64_t keys[DDLA_ORDER_ROUNDS];
  uint8_t table[DDLA_ORDER_TABLE]; /* used when count <= DDLA_ORDER_TABLE */
} ddla_order;

/* Permutation of [0, count) chosen by key; 0 <= count < 2^62. */
ddla_order ddla_order_make(int64_t count, uint64_t key);

/* The order of one epoch: key = (seed, DDLA_PURPOSE_ORDER, epoch). */
ddla_order ddla_order_epoch(int64_t count, uint64_t seed, int64_t epoch);

/* No shuffling: position i is sample i. */
ddla_order ddla_order_plain(int64_t count);

/* Sample at a position, 0 <= position < order->count. */
int64_t ddla_order_at(const ddla_order *order, int64_t position);

/* out[i] = sample at position first + i for 0 <= i < count. out: [count] */
void ddla_order_fill(int64_t *out, const ddla_order *order, int64_t first, int64_t count);

#endif
