#include "data/order.h"

#include "base/assert.h"
#include "base/rng.h"

enum { TOGETHER = 8 }; /* positions that are permuted side by side */

/* Fisher and Yates, from the inside out. */
static void draw_table(ddla_order *order, ddla_rng *rng) {
  for (int64_t i = 0; i < order->count; i++) {
    uint64_t j = ddla_rng_below(rng, (uint64_t)i + 1);
    order->table[i] = order->table[j];
    order->table[j] = (uint8_t)i;
  }
}

ddla_order ddla_order_make(int64_t count, uint64_t key) {
  DDLA_ASSERT(count >= 0 && count < (int64_t)1 << 62);
  ddla_order order = {.count = count};
  ddla_rng rng = ddla_rng_make(key);
  if (count <= DDLA_ORDER_TABLE) {
    draw_table(&order, &rng);
    return order;
  }
  int bits = 64 - __builtin_clzll((uint64_t)count - 1);
  order.low_bits = bits / 2;
  order.low_mask = ((uint64_t)1 << order.low_bits) - 1;
  order.high_mask = ((uint64_t)1 << (bits - order.low_bits)) - 1;
  for (int round = 0; round < DDLA_ORDER_ROUNDS; round++) order.keys[round] = ddla_rng_u64(&rng);
  return order;
}

ddla_order ddla_order_epoch(int64_t count, uint64_t seed, int64_t epoch) {
  return ddla_order_make(count, ddla_rng_key(seed, DDLA_PURPOSE_ORDER, (uint64_t)epoch, 0));
}

ddla_order ddla_order_plain(int64_t count) {
  DDLA_ASSERT(count >= 0);
  return (ddla_order){.count = count, .plain = true};
}

/* Multiply, fold, multiply: the upper half depends on every bit of half and key. */
static inline uint64_t scramble(uint64_t half, uint64_t key) {
  uint64_t z = (half + key) * 0xbf58476d1ce4e5b9ULL;
  z ^= z >> 32;
  return (z * 0x94d049bb133111ebULL) >> 32;
}

static inline uint64_t permute(const ddla_order *order, uint64_t x) {
  uint64_t low = x & order->low_mask, high = x >> order->low_bits;
  for (int round = 0; round < DDLA_ORDER_ROUNDS; round += 2) {
    low ^= scramble(high, order->keys[round]) & order->low_mask;
    high ^= scramble(low, order->keys[round + 1]) & order->high_mask;
  }
  return high << order->low_bits | low;
}

/* The rounds of one position wait for each other; those of several side by side do not. */
static inline void permute_together(uint64_t x[TOGETHER], const ddla_order *order) {
  uint64_t low[TOGETHER], high[TOGETHER];
  for (int i = 0; i < TOGETHER; i++)
    low[i] = x[i] & order->low_mask, high[i] = x[i] >> order->low_bits;
  for (int round = 0; round < DDLA_ORDER_ROUNDS; round += 2) {
    for (int i = 0; i < TOGETHER; i++)
      low[i] ^= scramble(high[i], order->keys[round]) & order->low_mask;
    for (int i = 0; i < TOGETHER; i++)
      high[i] ^= scramble(low[i], order->keys[round + 1]) & order->high_mask;
  }
  for (int i = 0; i < TOGETHER; i++) x[i] = high[i] << order->low_bits | low[i];
}

/* Walks on along the cycle until it lands below count. */
static inline int64_t land(const ddla_order *order, uint64_t x) {
  while (x >= (uint64_t)order->count) x = permute(order, x);
  return (int64_t)x;
}

int64_t ddla_order_at(const ddla_order *order, int64_t position) {
  DDLA_ASSERT(position >= 0 && position < order->count);
  if (order->plain) return position;
  if (order->count <= DDLA_ORDER_TABLE) return order->table[position];
  return land(order, permute(order, (uint64_t)position));
}

void ddla_order_fill(int64_t *out, const ddla_order *order, int64_t first, int64_t count) {
  int64_t i = 0;
  DDLA_ASSERT(count == 0 || (first >= 0 && first + count <= order->count));
  if (!order->plain && order->count > DDLA_ORDER_TABLE)
    for (; i + TOGETHER <= count; i += TOGETHER) {
      uint64_t x[TOGETHER];
      for (int k = 0; k < TOGETHER; k++) x[k] = (uint64_t)(first + i + k);
      permute_together(x, order);
      for (int k = 0; k < TOGETHER; k++) out[i + k] = land(order, x[k]);
    }
  for (; i < count; i++) out[i] = ddla_order_at(order, first + i);
}
