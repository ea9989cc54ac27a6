/* Rows of partition_list.h: who gets which sample. */
#include "data/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/xxh3.h"

enum { COUNT = 6000, LABELS = 10, KEYS = 50 };

/* Labels are of unequal frequency, keys too; as many hosts as a rule has parts. */
typedef struct sample_set {
  int32_t label[COUNT], key[COUNT], home[COUNT], owner[COUNT];
  ddla_partition_samples samples;
} sample_set;

static sample_set *make_set(void) {
  sample_set *set = calloc(1, sizeof *set);
  assert_non_null(set);
  ddla_rng rng = ddla_rng_make(77);
  for (int i = 0; i < COUNT; i++) {
    const uint64_t a = ddla_rng_below(&rng, LABELS), b = ddla_rng_below(&rng, LABELS);
    set->label[i] = (int32_t)(i < LABELS ? i : (int)(a < b ? a : b));
    set->key[i] = (int32_t)(i < KEYS ? (uint64_t)i : ddla_rng_below(&rng, (uint64_t)i % KEYS + 1));
  }
  set->samples = (ddla_partition_samples){.count = COUNT,
                                          .labels = LABELS,
                                          .keys = KEYS,
                                          .label = set->label,
                                          .key = set->key,
                                          .homes = 1,
                                          .home = set->home};
  return set;
}

static ddla_partition_rule rule_of(int parts, uint64_t seed) {
  return (ddla_partition_rule){
      .parts = parts, .seed = seed, .labels = 2, .alpha = 0.5, .exponent = 1};
}

static void divide(sample_set *set, const char *name, const ddla_partition_rule *rule) {
  const ddla_status status =
      ddla_partition_assign(set->owner, ddla_partition_find(name), &set->samples, rule);
  if (status != DDLA_OK) fail_msg("%s: %s", name, ddla_status_message(status));
}

static int64_t size_of(const sample_set *set, int part) {
  int64_t size = 0;
  for (int i = 0; i < COUNT; i++) size += set->owner[i] == part;
  return size;
}

/* Samples of a label; of part -1: of all. */
static int64_t count_of(const sample_set *set, int part, int label) {
  int64_t count = 0;
  for (int i = 0; i < COUNT; i++)
    count += (part < 0 || set->owner[i] == part) && set->label[i] == label;
  return count;
}

static int labels_of(const sample_set *set, int part) {
  int labels = 0;
  for (int l = 0; l < LABELS; l++) labels += count_of(set, part, l) > 0;
  return labels;
}

static void expect_refused(sample_set *set, const char *name, const ddla_partition_rule *rule,
                           const char *words) {
  const ddla_status status =
      ddla_partition_assign(set->owner, ddla_partition_find(name), &set->samples, rule);
  assert_int_equal(status, DDLA_INVALID);
  if (!strstr(ddla_status_message(status), words))
    fail_msg("%s: '%s' without '%s'", name, ddla_status_message(status), words);
}

/* Every sample has one of the parts, none is empty, and a second call says the same; another seed
 * something else where anything is drawn. */
static void every_kind_is_a_function_of_its_arguments(void **state) {
  (void)state;
  sample_set *set = make_set();
  int32_t *before = malloc(sizeof set->owner);
  assert_non_null(before);
  for (int k = 0; ddla_partition_at(k); k++)
    for (int parts = 1; parts <= 8; parts += 1 + 2 * (parts > 1)) {
      const char *name = ddla_partition_at(k)->name;
      ddla_partition_rule rule = rule_of(parts, 5);
      rule.labels = parts < 5 ? 10 : 2;
      for (int i = 0; i < COUNT; i++) set->home[i] = i % parts;
      set->samples.homes = parts;
      divide(set, name, &rule);
      for (int i = 0; i < COUNT; i++) assert_in_range(set->owner[i], 0, parts - 1);
      for (int p = 0; p < parts; p++) assert_true(size_of(set, p) > 0);
      memcpy(before, set->owner, sizeof set->owner);
      memset(set->owner, 255, sizeof set->owner);
      divide(set, name, &rule);
      assert_memory_equal(before, set->owner, sizeof set->owner);
      rule.seed = 6;
      divide(set, name, &rule);
      const bool drawn = parts > 1 && strcmp(name, "by-key") != 0 && strcmp(name, "files") != 0;
      assert_int_equal(memcmp(before, set->owner, sizeof set->owner) != 0, drawn);
    }
  free(before);
  free(set);
}

/* Fixed for ever: a checkpoint of a run with owned parts goes on with the same ones. */
static void divisions_are_the_ones_they_were(void **state) {
  (void)state;
  static const struct {
    const char *name;
    uint64_t digest;
  } known[] = {{"iid", 0xf430c622b61dfc79},
               {"by-label", 0x064dbd6a9a435fde},
               {"dirichlet", 0x0077d3ab62f8d077},
               {"by-size", 0x392c92ec3c59b0dd},
               {"by-key", 0x165ee5995bb37372}};
  sample_set *set = make_set();
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const ddla_partition_rule rule = rule_of(6, 3);
    divide(set, known[i].name, &rule);
    const uint64_t digest = ddla_xxh3_of(set->owner, sizeof set->owner);
    if (digest != known[i].digest)
      fail_msg("%s gives another division: 0x%016llx", known[i].name, (unsigned long long)digest);
  }
  free(set);
}

static void equal_parts_differ_by_one_sample(void **state) {
  (void)state;
  sample_set *set = make_set();
  static const char *const names[] = {"iid", "dirichlet"};
  for (int n = 0; n < 2; n++)
    for (int parts = 1; parts <= 7; parts += 3) {
      const ddla_partition_rule rule = rule_of(parts, 9);
      divide(set, names[n], &rule);
      for (int p = 0; p < parts; p++)
        assert_in_range(size_of(set, p), COUNT / parts, COUNT / parts + (COUNT % parts > 0));
    }
  free(set);
}

/* No more labels than they should have, each of them; and of a label no more than a share. */
static void parts_by_label_have_their_labels(void **state) {
  (void)state;
  sample_set *set = make_set();
  for (int parts = 2; parts <= 9; parts++)
    for (int64_t labels = (LABELS + parts - 1) / parts; labels <= LABELS; labels++) {
      ddla_partition_rule rule = rule_of(parts, (uint64_t)parts);
      int owners[LABELS] = {0};
      rule.labels = labels;
      divide(set, "by-label", &rule);
      for (int p = 0; p < parts; p++) {
        assert_int_equal(labels_of(set, p), labels);
        for (int l = 0; l < LABELS; l++) owners[l] += count_of(set, p, l) > 0;
      }
      for (int p = 0; p < parts; p++)
        for (int l = 0; l < LABELS; l++) {
          assert_in_range(owners[l], parts * labels / LABELS,
                          (parts * labels + LABELS - 1) / LABELS);
          const int64_t share = count_of(set, -1, l) / owners[l], held = count_of(set, p, l);
          if (held > 0) assert_in_range(held, share, share + 1);
        }
    }
  ddla_partition_rule rule = rule_of(4, 1);
  expect_refused(set, "by-label", &rule, "raise data.partition_labels to at least 3");
  rule.labels = 11;
  expect_refused(set, "by-label", &rule, "from 1 to 10");
  free(set);
}

/* The mean of the labels' shares over many draws is that of all samples, whatever alpha is; how far
 * parts are from it, alpha decides: the variance of a share q of prior p is p (1 - p) / (1 +
 * alpha), where labels do not run out. */
static void dirichlet_parts_are_as_far_from_the_whole_as_alpha_says(void **state) {
  (void)state;
  sample_set *set = make_set();
  double last = 1e9;
  for (double alpha = 0.1; alpha < 2000; alpha *= 10) {
    double square = 0, wanted = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
      ddla_partition_rule rule = rule_of(8, seed);
      rule.alpha = alpha;
      divide(set, "dirichlet", &rule);
      for (int p = 0; p < 8; p++)
        for (int l = 0; l < LABELS; l++) {
          const double prior = (double)count_of(set, -1, l) / COUNT;
          const double share = (double)count_of(set, p, l) / (double)size_of(set, p);
          square += (share - prior) * (share - prior);
          wanted += prior * (1 - prior) / (1 + alpha);
        }
    }
    assert_true(square < last);
    last = square;
    /* The hypergeometric noise of 750 draws comes on top of a large alpha's; a small one's labels
     * run out. */
    if (alpha >= 9 && alpha < 200) assert_true(square > 0.6 * wanted && square < 1.2 * wanted);
    if (alpha < 0.2) assert_true(square > 0.3 * wanted);
  }
  ddla_partition_rule rule = rule_of(8, 1);
  rule.alpha = 0.01;
  divide(set, "dirichlet", &rule); /* its variates are far below what a double can be */
  rule.alpha = 0;
  expect_refused(set, "dirichlet", &rule, "above 0");
  free(set);
}

static void sizes_follow_the_power_law(void **state) {
  (void)state;
  sample_set *set = make_set();
  ddla_partition_rule rule = rule_of(4, 1);
  divide(set, "by-size", &rule); /* 1, 1/2, 1/3, 1/4 of 25/12 */
  const int64_t wanted[] = {2880, 1440, 960, 720};
  for (int p = 0; p < 4; p++) assert_int_equal(size_of(set, p), wanted[p]);
  rule.exponent = 0;
  divide(set, "by-size", &rule);
  for (int p = 0; p < 4; p++) assert_int_equal(size_of(set, p), COUNT / 4);
  rule.exponent = 8;
  rule.parts = 8;
  expect_refused(set, "by-size", &rule, "part 3 of 8 without a sample; lower");
  free(set);
}

static void samples_of_a_key_stay_together(void **state) {
  (void)state;
  sample_set *set = make_set();
  ddla_partition_rule rule = rule_of(6, 1);
  divide(set, "by-key", &rule);
  int owner[KEYS], most = 0, least = COUNT;
  for (int k = 0; k < KEYS; k++) owner[k] = -1;
  for (int i = 0; i < COUNT; i++) {
    const int key = set->key[i];
    if (owner[key] < 0) owner[key] = set->owner[i];
    assert_int_equal(owner[key], set->owner[i]);
  }
  for (int p = 0; p < 6; p++) {
    const int size = (int)size_of(set, p);
    most = size > most ? size : most;
    least = size < least ? size : least;
  }
  assert_true(most - least < COUNT / 6 / 20);
  for (int i = 0; i < COUNT; i++) set->key[i] %= 5;
  expect_refused(set, "by-key", &rule, "fewer keys than parts");
  set->samples.key = NULL;
  expect_refused(set, "by-key", &rule, "data.partition_key");
  set->samples.label = NULL;
  expect_refused(set, "dirichlet", &rule, "these have none");
  expect_refused(set, "by-label", &rule, "these have none");
  set->samples.count = 5;
  expect_refused(set, "iid", &rule, "5 samples cannot be divided into 6");
  free(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_is_a_function_of_its_arguments),
      cmocka_unit_test(divisions_are_the_ones_they_were),
      cmocka_unit_test(equal_parts_differ_by_one_sample),
      cmocka_unit_test(parts_by_label_have_their_labels),
      cmocka_unit_test(dirichlet_parts_are_as_far_from_the_whole_as_alpha_says),
      cmocka_unit_test(sizes_follow_the_power_law),
      cmocka_unit_test(samples_of_a_key_stay_together)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
