/* Sums of what shards contribute, in the fixed tree, however the shards were cut. */
#include "sync/turns/sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

enum { LEAVES_MAX = 37 };

static ddla_letter_sums leaf_of(int i) {
  const double x = 1.0 / (3 + 7 * i) * (i % 3 ? 1 : 1e9);
  return (ddla_letter_sums){.loss = x, .count = x * 3, .correct = i, .samples = 2 * i + 1};
}

/* Plain recursion over leaves [first, first + count). */
static ddla_letter_sums tree_of(int64_t first, int64_t count, const bool *absent) {
  const int64_t left = count > 1 ? ddla_tree_left(count) : 0;
  if (count == 1) return absent[first] ? (ddla_letter_sums){.loss = 0} : leaf_of((int)first);
  ddla_letter_sums a = tree_of(first, left, absent);
  const ddla_letter_sums b = tree_of(first + left, count - left, absent);
  a.loss += b.loss;
  a.count += b.count;
  a.correct += b.correct;
  a.samples += b.samples;
  return a;
}

static void equal(ddla_letter_sums a, ddla_letter_sums b) {
  assert_memory_equal(&a.loss, &b.loss, sizeof a.loss);
  assert_memory_equal(&a.count, &b.count, sizeof a.count);
  assert_int_equal(a.correct, b.correct);
  assert_int_equal(a.samples, b.samples);
}

/* Cuts at random places; of some seeds parts are missing. */
static void sums_do_not_depend_on_cuts(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 3000; seed++) {
    ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 52, 0));
    const int leaves = 1 + (int)ddla_rng_below(&rng, LEAVES_MAX);
    ddla_letter_sums sums[LEAVES_MAX];
    ddla_tree_part part[LEAVES_MAX];
    bool absent[LEAVES_MAX] = {false};
    int count = 0;
    for (int first = 0, end = 0; first < leaves; first = end) {
      end = first + 1 + (int)ddla_rng_below(&rng, (uint64_t)(leaves - first));
      const bool missing = seed % 3 == 0 && ddla_rng_below(&rng, 4) == 0;
      const int cut = ddla_tree_cut(part + count, LEAVES_MAX - count, leaves,
                                    (ddla_tree_part){first, end - first});
      assert_true(cut > 0);
      for (int i = first; i < end; i++) absent[i] = missing;
      if (!missing) count += cut;
    }
    const bool none[LEAVES_MAX] = {false};
    for (int i = 0; i < count; i++) sums[i] = tree_of(part[i].first, part[i].count, none);
    equal(ddla_sums_tree(sums, part, count, leaves), tree_of(0, leaves, absent));
  }
}

static void one_is_added(void **state) {
  (void)state;
  ddla_letter_sums sum = leaf_of(4);
  const ddla_letter_sums more = leaf_of(5);
  ddla_sums_add(&sum, &more);
  equal(sum, (ddla_letter_sums){leaf_of(4).loss + leaf_of(5).loss,
                                leaf_of(4).count + leaf_of(5).count, 9, 20});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums_do_not_depend_on_cuts),
                                     cmocka_unit_test(one_is_added)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
