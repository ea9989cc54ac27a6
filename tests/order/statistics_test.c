/* The order of samples looks like one drawn at random, at the size of a billion samples: over many
 * keys and stretches each statistic stays as near to its mean as chance has it, and spreads as
 * wide. That the statistics can see anything is shown by orders that are not random: each of them
 * must be found out.
 *   order_statistics [--full]: more keys, longer stretches, and every sample of a billion */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "data/order.h"
#include "statistics.h"

static int64_t keys_of_ours = 24, stretch = 200000;
static bool full;

static const int64_t sizes[] = {1000000000, 999999937, (1 << 30) - 1, (1 << 29) + 1};
enum { SIZES = sizeof sizes / sizeof sizes[0], CONTROL_KEYS = 3 };

static void ours(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  const ddla_order order = ddla_order_epoch(count, 1, (int64_t)key);
  ddla_order_fill(out, &order, first, n);
}

/* What is wrong with the permutation under some keys: the worst statistic, and how far the spread
 * of any statistic is from 1. */
typedef struct finding {
  double worst, spread;
  const char *worst_name, *spread_name;
} finding;

static int64_t first_of(int64_t count, int64_t keys, int64_t key) {
  return key % 3 == 0 ? 0 : key % 3 == 1 ? count - stretch : (count - stretch) / keys * key;
}

/* Of the squares of `keys` normal numbers the mean is 1 with deviation sqrt(2 / keys). */
static finding examine(permutation *order, int64_t count, int64_t keys) {
  finding found = {0};
  for (const statistic *s = statistics; s->name; s++) {
    double squares = 0;
    for (int64_t key = 0; key < keys; key++) {
      const double z = s->of(order, count, (uint64_t)key, first_of(count, keys, key), stretch);
      squares += z * z;
      if (fabs(z) > found.worst) found.worst = fabs(z), found.worst_name = s->name;
    }
    const double off = (squares / (double)keys - 1) / sqrt(2 / (double)keys);
    if (full && order == ours)
      printf("%11lld samples, %-30s mean square %.3f over %lld keys\n", (long long)count, s->name,
             squares / (double)keys, (long long)keys);
    if (fabs(off) > found.spread) found.spread = fabs(off), found.spread_name = s->name;
  }
  return found;
}

enum { WORST_MAX = 5, SPREAD_MAX = 5 }; /* one in 10^6 of the statistics here would be beyond */

static void a_billion_looks_random(void **state) {
  (void)state;
  for (int i = 0; i < SIZES; i++) {
    const finding found = examine(ours, sizes[i], keys_of_ours);
    if (found.worst > WORST_MAX)
      fail_msg("%lld samples: %s is off by %.1f deviations", (long long)sizes[i], found.worst_name,
               found.worst);
    if (found.spread > SPREAD_MAX)
      fail_msg("%lld samples: %s spreads wrongly over keys, by %.1f deviations",
               (long long)sizes[i], found.spread_name, found.spread);
  }
}

/* Orders that must be found out. */

static void in_order(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  (void)count, (void)key;
  for (int64_t i = 0; i < n; i++) out[i] = first + i;
}

/* x -> a x + b: what a multiplication and a random start make. */
static void affine(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    out[i] = (int64_t)(((unsigned __int128)(first + i) * 618033989 + key * 12345678901) %
                       (unsigned __int128)count);
}

/* Blocks of 1024 in a random order, in them one after the other. */
static void blocks(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  const ddla_order order = ddla_order_epoch(count / 1024, 1, (int64_t)key);
  for (int64_t i = 0; i < n; i++) {
    const int64_t position = first + i, block = position / 1024;
    out[i] = block < order.count ? ddla_order_at(&order, block) * 1024 + position % 1024 : position;
  }
}

/* One order for all epochs, turned by some places. */
static void turned(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  const ddla_order order = ddla_order_epoch(count, 1, 0);
  for (int64_t i = 0; i < n; i++)
    out[i] = ddla_order_at(&order, (first + i + (int64_t)key * 100) % count);
}

/* One order for all epochs, whose samples are counted from another one on. */
static void moved(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  const ddla_order order = ddla_order_epoch(count, 1, 0);
  ddla_order_fill(out, &order, first, n);
  for (int64_t i = 0; i < n; i++) out[i] = (out[i] + (int64_t)key * 7777777) % count;
}

/* A buffer of some samples from which one is drawn and filled up again, as streams are shuffled. */
static void buffered(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  enum { HELD = 4096 };
  static int64_t held[HELD];
  uint64_t random = key * 2 + 1;
  for (int64_t i = 0; i < HELD; i++) held[i] = (first + i) % count;
  for (int64_t i = 0; i < n; i++) {
    random = random * 6364136223846793005 + 1442695040888963407;
    const uint64_t place = random >> 33 & (HELD - 1);
    out[i] = held[place];
    held[place] = (first + HELD + i) % count;
  }
}

/* The network of src/data/order.c with fewer rounds. */
static void few_rounds(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n,
                       int rounds) {
  const int low_bits = (64 - __builtin_clzll((uint64_t)count - 1)) / 2;
  const ddla_order order = ddla_order_epoch(count, 1, (int64_t)key);
  for (int64_t i = 0; i < n; i++) {
    uint64_t x = (uint64_t)(first + i);
    do {
      uint64_t low = x & order.low_mask, high = x >> low_bits;
      for (int round = 0; round < rounds; round++) {
        uint64_t z = ((round % 2 ? low : high) + order.keys[round]) * 0xbf58476d1ce4e5b9;
        z ^= z >> 32;
        z = (z * 0x94d049bb133111eb) >> 32;
        if (round % 2) high ^= z & order.high_mask;
        else low ^= z & order.low_mask;
      }
      x = high << low_bits | low;
    } while (x >= (uint64_t)count);
    out[i] = (int64_t)x;
  }
}

static void one_round(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  few_rounds(out, count, key, first, n, 1);
}

static void two_rounds(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  few_rounds(out, count, key, first, n, 2);
}

static void eight_rounds(int64_t *out, int64_t count, uint64_t key, int64_t first, int64_t n) {
  few_rounds(out, count, key, first, n, DDLA_ORDER_ROUNDS);
}

static void other_orders_are_found_out(void **state) {
  (void)state;
  static const struct {
    const char *name;
    permutation *order;
  } bad[] = {{"in order", in_order},   {"affine", affine},        {"blocks", blocks},
             {"turned", turned},       {"moved", moved},          {"buffered", buffered},
             {"one round", one_round}, {"two rounds", two_rounds}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const finding found = examine(bad[i].order, sizes[0], CONTROL_KEYS);
    if (found.worst < 2 * WORST_MAX && found.spread < 2 * SPREAD_MAX)
      fail_msg("%s: only off by %.1f deviations", bad[i].name, found.worst);
  }
  const finding found =
      examine(eight_rounds, sizes[0], CONTROL_KEYS); /* that the copy above is the network */
  assert_true(found.worst < WORST_MAX && found.spread < SPREAD_MAX);
}

/* A bit for each sample: none comes twice, so all come. */
static void every_sample_comes_once(void **state) {
  (void)state;
  enum { MANY = 1 << 16 };
  const int64_t count = full ? 1000000000 : 20000003;
  static int64_t out[MANY];
  uint64_t *seen = calloc((size_t)(count / 64 + 1), sizeof *seen);
  const ddla_order order = ddla_order_epoch(count, 1, 7);
  assert_non_null(seen);
  for (int64_t first = 0; first < count; first += MANY) {
    const int64_t n = count - first < MANY ? count - first : MANY;
    ddla_order_fill(out, &order, first, n);
    for (int64_t i = 0; i < n; i++) {
      const uint64_t bit = UINT64_C(1) << (out[i] & 63);
      if (out[i] < 0 || out[i] >= count || seen[out[i] >> 6] & bit)
        fail_msg("position %lld: sample %lld is none or comes twice", (long long)(first + i),
                 (long long)out[i]);
      seen[out[i] >> 6] |= bit;
    }
  }
  free(seen);
}

/* A billion samples need no list: the first index of an epoch is there at once. The least of
 * several, as other programs run. */
static void the_first_index_is_there_at_once(void **state) {
  (void)state;
  int64_t least_ns = INT64_MAX, sum = 0;
  for (int64_t epoch = 0; epoch < 100; epoch++) {
    const int64_t start_ns = ddla_clock_now_ns(ddla_clock_monotonic());
    const ddla_order order = ddla_order_epoch(1000000000, 1, epoch);
    sum += ddla_order_at(&order, 999999999);
    const int64_t took_ns = ddla_clock_now_ns(ddla_clock_monotonic()) - start_ns;
    if (took_ns < least_ns) least_ns = took_ns;
  }
  assert_true(sum > 0);
  if (least_ns > 1000000) fail_msg("it took %lld ns", (long long)least_ns);
}

int main(int argc, char **argv) {
  full = argc > 1 && strcmp(argv[1], "--full") == 0;
  if (full) keys_of_ours = 100, stretch = 1000000;
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_billion_looks_random),
                                     cmocka_unit_test(other_orders_are_found_out),
                                     cmocka_unit_test(every_sample_comes_once),
                                     cmocka_unit_test(the_first_index_is_there_at_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
