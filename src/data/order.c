#include "data/order.h"

#include "base/assert.h"
#include "base/rng.h"

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

int64_t ddla_order_at(const ddla_order *order, int64_t position) {
  DDLA_ASSERT(position >= 0 && position < order->count);
  if (order->plain) return position;
  if (order->count <= DDLA_ORDER_TABLE) return order->table[position];
  uint64_t x = (uint64_t)position;
  do x = permute(order, x);
  while (x >= (uint64_t)order->count);
  return (int64_t)x;
}

void ddla_order_fill(int64_t *out, const ddla_order *order, int64_t first, int64_t count) {
  for (int64_t i = 0; i < count; i++) out[i] = ddla_order_at(order, first + i);
}
