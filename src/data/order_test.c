#include "data/order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "data/test_files.h"

/* Distance of a chi-square statistic from its mean in standard deviations; seeds are fixed, so that
 * a good permutation passes always. */
static double chi_square_z(const int64_t *seen, int64_t cells, double expected) {
  double sum = 0;
  for (int64_t i = 0; i < cells; i++) {
    double difference = (double)seen[i] - expected;
    sum += difference * difference / expected;
  }
  double freedom = (double)cells - 1;
  return (sum - freedom) / sqrt(2 * freedom);
}

static void check_permutation(int64_t count, uint64_t seed) {
  ddla_order order = ddla_order_epoch(count, seed, 3);
  uint8_t *seen = calloc((size_t)count + 1, 1);
  for (int64_t i = 0; i < count; i++) {
    int64_t at = ddla_order_at(&order, i);
    assert_in_range(at, 0, count - 1);
    assert_int_equal(seen[at]++, 0);
  }
  free(seen);
}

static void every_sample_comes_once(void **state) {
  (void)state;
  for (int64_t count = 1; count <= 1100; count++) check_permutation(count, (uint64_t)count);
  check_permutation(60000, 1);
  check_permutation(65536, 2);
  check_permutation(65537, 3);
  check_permutation(1000003, 4);
  ddla_order empty = ddla_order_epoch(0, 1, 1);
  assert_int_equal(empty.count, 0);
}

static void seed_and_epoch_choose(void **state) {
  (void)state;
  int64_t counts[] = {200, 60000};
  for (int c = 0; c < 2; c++) {
    ddla_order a = ddla_order_epoch(counts[c], 7, 0), same = ddla_order_epoch(counts[c], 7, 0);
    ddla_order next = ddla_order_epoch(counts[c], 7, 1), other = ddla_order_epoch(counts[c], 8, 0);
    int64_t equal_next = 0, equal_other = 0, fixed = 0;
    for (int64_t i = 0; i < counts[c]; i++) {
      int64_t at = ddla_order_at(&a, i);
      assert_int_equal(at, ddla_order_at(&same, i));
      equal_next += at == ddla_order_at(&next, i);
      equal_other += at == ddla_order_at(&other, i);
      fixed += at == i;
    }
    assert_true(equal_next < 10 && equal_other < 10 && fixed < 10); /* each is 1 on average */
  }
}

/* The first positions of a known order: a change of the permutation breaks resuming of older runs.
 */
static void orders_stay_the_same(void **state) {
  (void)state;
  static const int64_t small[5] = {9, 8, 0, 2, 7};
  static const int64_t large[5] = {58640, 24405, 20535, 15538, 53329};
  ddla_order a = ddla_order_epoch(10, 1, 0), b = ddla_order_epoch(60000, 1, 0);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(ddla_order_at(&a, i), small[i]);
    assert_int_equal(ddla_order_at(&b, i), large[i]);
  }
}

/* All 120 orders of five samples come up, equally often. */
static void five_samples_take_every_order(void **state) {
  (void)state;
  int64_t seen[3125] = {0}, counts[120] = {0};
  int kinds = 0;
  for (int64_t epoch = 0; epoch < 12000; epoch++) {
    ddla_order order = ddla_order_epoch(5, 1, epoch);
    int64_t number = 0;
    for (int i = 0; i < 5; i++) number = number * 5 + ddla_order_at(&order, i);
    seen[number]++;
  }
  for (int i = 0; i < 3125; i++)
    if (seen[i]) {
      assert_in_range(kinds, 0, 119);
      counts[kinds++] = seen[i];
    }
  assert_int_equal(kinds, 120);
  assert_true(fabs(chi_square_z(counts, 120, 100)) < 4);
}

/* Over many keys every sample is as likely at every position (a grid of count x count cells). */
static void positions_are_uniform(void **state) {
  (void)state;
  static const int64_t counts[] = {40, 257, 300, 511, 512, 513};
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    int64_t count = counts[c], trials = 20 * count;
    int64_t *seen = calloc((size_t)(count * count), sizeof *seen);
    for (int64_t t = 0; t < trials; t++) {
      ddla_order order = ddla_order_epoch(count, 11, t);
      for (int64_t i = 0; i < count; i++) seen[i * count + ddla_order_at(&order, i)]++;
    }
    /* rows and columns have fixed sums: the mean is count (count - 1), not count^2 - 1 */
    double z = chi_square_z(seen, count * count, 20) + 1 / sqrt(2.0);
    if (fabs(z) > 4) fail_msg("count %d: chi-square is off by %.1f deviations", (int)count, z);
    free(seen);
  }
}

/* Where two neighbours go is independent: differences of successive samples, modulo count, are
 * uniform over 1 ... count - 1. */
static void neighbours_are_independent(void **state) {
  (void)state;
  static const int64_t counts[] = {100, 257, 1000, 4099};
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    int64_t count = counts[c], trials = 400;
    int64_t *seen = calloc((size_t)count, sizeof *seen);
    for (int64_t t = 0; t < trials; t++) {
      ddla_order order = ddla_order_epoch(count, 5, t);
      for (int64_t i = 0; i + 1 < count; i++) {
        int64_t step = ddla_order_at(&order, i + 1) - ddla_order_at(&order, i);
        seen[(step + count) % count]++;
      }
    }
    assert_int_equal(seen[0], 0);
    double z = chi_square_z(seen + 1, count - 1, (double)trials);
    if (fabs(z) > 4) fail_msg("count %d: differences are off by %.1f deviations", (int)count, z);
    free(seen);
  }
}

static void serial_correlation_is_small(void **state) {
  (void)state;
  int64_t count = 60000;
  for (int64_t epoch = 0; epoch < 5; epoch++) {
    ddla_order order = ddla_order_epoch(count, 2, epoch);
    for (int64_t lag = 1; lag <= 1024; lag *= 4) {
      double sum = 0, middle = (double)(count - 1) / 2;
      for (int64_t i = 0; i + lag < count; i++)
        sum += ((double)ddla_order_at(&order, i) - middle) *
               ((double)ddla_order_at(&order, i + lag) - middle);
      double correlation = sum / (double)(count - lag) / ((double)count * (double)count / 12);
      assert_true(fabs(correlation) < 4.5 / sqrt((double)count));
    }
  }
}

/* A batch of sorted data sees all classes: no stretch of positions prefers a part of the set. */
static void stretches_are_mixed(void **state) {
  (void)state;
  int64_t count = 60000, stretches = 60, classes = 10;
  int64_t seen[600] = {0};
  for (int64_t epoch = 0; epoch < 20; epoch++) {
    ddla_order order = ddla_order_epoch(count, 9, epoch);
    for (int64_t i = 0; i < count; i++)
      seen[i / 1000 * classes + ddla_order_at(&order, i) / 6000]++;
  }
  assert_true(chi_square_z(seen, stretches * classes, 2000) < 4);
  assert_true(chi_square_z(seen, stretches * classes, 2000) > -7); /* sums are fixed both ways */
}

static void a_billion_needs_no_memory(void **state) {
  (void)state;
  ddla_order order = ddla_order_epoch(1000000000, 1, 0);
  int64_t out[1000], halves[2] = {0};
  ddla_order_fill(out, &order, 999999000, 1000);
  for (int i = 0; i < 1000; i++) {
    assert_in_range(out[i], 0, 999999999);
    halves[out[i] >= 500000000]++;
  }
  assert_in_range(halves[0], 430, 570);
  ddla_order huge = ddla_order_epoch(((int64_t)1 << 62) - 1, 1, 0);
  assert_true(ddla_order_at(&huge, (int64_t)1 << 61) >= 0);
}

/* Many at once are what they are one by one, wherever the stretch begins and ends. */
static void fill_is_at(void **state) {
  (void)state;
  static const int64_t counts[] = {5, 256, 257, 1000, 65537, 1000000000, INT64_C(1) << 40};
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    const ddla_order order = ddla_order_epoch(counts[c], 3, (int64_t)c);
    const int64_t most = counts[c] < 100 ? counts[c] : 100;
    for (int64_t length = 0; length <= most; length++) {
      int64_t out[100];
      const int64_t first = counts[c] - length - (counts[c] > 300 ? length % 7 : 0);
      ddla_order_fill(out, &order, first, length);
      for (int64_t i = 0; i < length; i++)
        assert_int_equal(out[i], ddla_order_at(&order, first + i));
    }
  }
}

static void plain_order_is_the_identity(void **state) {
  (void)state;
  ddla_order order = ddla_order_plain(1000);
  int64_t out[10];
  ddla_order_fill(out, &order, 500, 10);
  for (int i = 0; i < 10; i++) assert_int_equal(out[i], 500 + i);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_sample_comes_once),
      cmocka_unit_test(seed_and_epoch_choose),
      cmocka_unit_test(orders_stay_the_same),
      cmocka_unit_test(five_samples_take_every_order),
      cmocka_unit_test(positions_are_uniform),
      cmocka_unit_test(neighbours_are_independent),
      cmocka_unit_test(serial_correlation_is_small),
      cmocka_unit_test(stretches_are_mixed),
      cmocka_unit_test(a_billion_needs_no_memory),
      cmocka_unit_test(fill_is_at),
      cmocka_unit_test(plain_order_is_the_identity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
