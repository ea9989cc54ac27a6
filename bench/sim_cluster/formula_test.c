#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formula.h"

static const network slow = {.name = "slow", .bandwidth = 1000, .latency = 0.5};
static const network leaves = {
    .name = "leaves", .bandwidth = 1000, .latency = 0.5, .leaf = 4, .uplinks = 2};

/* As many equal ranges as hosts: everybody is alike, and sends the least that there is. */
static void test_equal_shares_are_the_least(void **state) {
  (void)state;
  const formula_case c = {.parts = 1, .hosts = 4, .ranges = 4, .bytes = 4000, .range_bytes = 1000};
  for (int h = 0; h < 4; h++) {
    assert_int_equal(formula_own_bytes(&c, h), 1000);
    assert_int_equal(formula_sent_bytes(&c, h), 6000);
  }
  assert_true(formula_least_bytes(&c) == 6000);
  /* 3 latencies of 2 links, and twice 3000 bytes */
  assert_true(formula_seconds(&c, &slow) == 3 + 6);
}

/* Two ranges for four hosts: whoever owns one has it from three and gives it to three. */
static void test_owners_are_the_busiest(void **state) {
  (void)state;
  const formula_case c = {
      .parts = 1, .hosts = 4, .ranges = 2, .bytes = 4000, .range_bytes = 2000, .record_bytes = 10};
  assert_int_equal(formula_own_bytes(&c, 1), 2000);
  assert_int_equal(formula_own_bytes(&c, 2), 0);
  assert_int_equal(formula_sent_bytes(&c, 1), 2000 + 3 * 2010);
  assert_int_equal(formula_sent_bytes(&c, 2), 4000 + 30);
  assert_int_equal(formula_sent_bytes_most(&c), 8030);
  assert_true(formula_seconds(&c, &slow) == 3 + 12);
}

/* Seven ranges, of which the last is short, for three hosts. */
static void test_ranges_go_in_turn(void **state) {
  (void)state;
  const formula_case c = {.parts = 1, .hosts = 3, .ranges = 7, .bytes = 6100, .range_bytes = 1000};
  assert_int_equal(formula_own_bytes(&c, 0), 2100);
  assert_int_equal(formula_own_bytes(&c, 1), 2000);
  assert_int_equal(formula_own_bytes(&c, 2), 2000);
  const formula_case full = {
      .parts = 1, .hosts = 3, .ranges = 6, .bytes = 5001, .range_bytes = 1000};
  assert_int_equal(formula_own_bytes(&full, 0), 2000);
  assert_int_equal(formula_own_bytes(&full, 2), 1001);
}

/* The last of four owns 250 of 1000: it has them when the others have 250 of theirs, 750 bytes into
 * the time. Then 3 sums and 3 partial sums go at a sixth of the rate until its sums are through, at
 * 750 + 1500, and 500 of each partial sum are left: 1500 more. One that owns 750 is later, and what
 * is left of the partial sums is through first: 2250 + 250 * 6. */
static void test_who_is_early_is_in_the_way(void **state) {
  (void)state;
  const formula_case early = {
      .parts = 1, .hosts = 4, .ranges = 4, .bytes = 3250, .range_bytes = 1000};
  assert_int_equal(formula_own_bytes(&early, 3), 250);
  assert_true(formula_seconds(&early, &slow) == 3 + 3.75 + 3);
  const formula_case late = {
      .parts = 1, .hosts = 4, .ranges = 4, .bytes = 3750, .range_bytes = 1000};
  assert_true(formula_seconds(&late, &slow) == 3 + 3.75 + 3);
}

/* Two partial sums of each host: what is gathered is twice as much, what is given is not. */
static void test_partial_sums_are_counted(void **state) {
  (void)state;
  const formula_case c = {.parts = 2, .hosts = 4, .ranges = 4, .bytes = 4000, .range_bytes = 1000};
  assert_int_equal(formula_sent_bytes(&c, 0), 6000 + 3000);
  assert_true(formula_seconds(&c, &slow) == 3 + 6 + 3);
}

/* Leaves of 4 hosts with 2 uplinks: two hosts share one, to which the 4 of the other leaf send. */
static void test_uplinks_are_shared(void **state) {
  (void)state;
  const formula_case c = {.parts = 1, .hosts = 8, .ranges = 8, .bytes = 8000, .range_bytes = 1000};
  assert_true(formula_seconds(&c, &slow) == 3 + 14);
  assert_true(formula_seconds(&c, &leaves) == 6 + 16);
  /* Owners in the first leaf only, 2 on each uplink: 4 hosts send 2 ranges of 2000 to each pair. */
  const formula_case few = {
      .parts = 1, .hosts = 8, .ranges = 4, .bytes = 8000, .range_bytes = 2000};
  assert_true(formula_seconds(&few, &leaves) == 6 + 16 + 16);
  const formula_case one_leaf = {
      .parts = 1, .hosts = 4, .ranges = 4, .bytes = 4000, .range_bytes = 1000};
  assert_true(formula_seconds(&one_leaf, &leaves) == 3 + 6);
}

static void test_networks_are_found(void **state) {
  (void)state;
  assert_null(network_find("none"));
  const network *tree = network_find("tree");
  assert_non_null(tree);
  assert_true(network_latency_most(tree, 16) == 50e-6);
  assert_true(network_latency_most(tree, 64) == 100e-6);
  assert_true(network_latency(tree, 15, 16) == 100e-6 && network_latency(tree, 17, 31) == 50e-6);
  assert_true(network_latency(network_find("distant"), 63, 0) == 20e-3);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_equal_shares_are_the_least),
                                     cmocka_unit_test(test_owners_are_the_busiest),
                                     cmocka_unit_test(test_ranges_go_in_turn),
                                     cmocka_unit_test(test_who_is_early_is_in_the_way),
                                     cmocka_unit_test(test_partial_sums_are_counted),
                                     cmocka_unit_test(test_uplinks_are_shared),
                                     cmocka_unit_test(test_networks_are_found)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
