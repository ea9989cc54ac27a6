#include "data/data.h"

#include <sys/wait.h>

#include "data/classes.h"
#include "data/test_files.h"

enum { COUNT = 100 };

static ddla_dataset *open_rows(const char *name, int count, const char *const *kinds,
                               int kind_count) {
  char text[COUNT * 40] = "";
  size_t used = 0;
  for (int i = 0; i < count; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%d,%s\n", i, kinds[i % kind_count]);
  ddla_dataset *set = NULL;
  ddla_data_source source = {.path = write_text(name, text)};
  CHECK_OK(ddla_dataset_open(&set, &source));
  return set;
}

static const char *const kinds[] = {"pear", "apple", "fig"};

static int value_at(const ddla_dataset *set, int64_t index) {
  return (int)*(const float *)ddla_dataset_features(set, index);
}

static void split_is_a_partition(void **state) {
  (void)state;
  ddla_dataset *all = open_rows("all.csv", COUNT, kinds, 3), *train = NULL, *validation = NULL;
  CHECK_OK(ddla_dataset_split(&train, &validation, all, 0.2, 5));
  assert_int_equal(ddla_dataset_count(train), 80);
  assert_int_equal(ddla_dataset_count(validation), 20);
  int seen[COUNT] = {0}, moved = 0;
  const ddla_dataset *const parts[] = {train, validation};
  for (int part = 0; part < 2; part++)
    for (int64_t i = 0; i < ddla_dataset_count(parts[part]); i++) {
      int value = value_at(parts[part], i);
      assert_int_equal(seen[value]++, 0);
      assert_string_equal(ddla_dataset_class_name(parts[part], ddla_dataset_label(parts[part], i)),
                          kinds[value % 3]);
      moved += value >= 20 && part == 1;
    }
  assert_true(moved > 5); /* not the first 20 */
  ddla_dataset *again = NULL, *held = NULL;
  CHECK_OK(ddla_dataset_split(&again, &held, all, 0.2, 5));
  ddla_data_fingerprint a = ddla_dataset_fingerprint(train), b = ddla_dataset_fingerprint(again);
  ddla_data_fingerprint c = ddla_dataset_fingerprint(held);
  assert_memory_equal(&a, &b, sizeof a);
  assert_memory_not_equal(&a, &c, sizeof a);
  for (int64_t i = 0; i < 80; i++) assert_int_equal(value_at(train, i), value_at(again, i));
  ddla_dataset_close(again);
  ddla_dataset_close(held);
  CHECK_OK(ddla_dataset_split(&again, &held, all, 0.2, 6)); /* another seed */
  b = ddla_dataset_fingerprint(again);
  assert_memory_not_equal(&a, &b, sizeof a);
  ddla_dataset_close(again);
  ddla_dataset_close(held);
  ddla_dataset_close(train);
  ddla_dataset_close(validation);
  ddla_dataset_close(all);
}

static void views_of_views(void **state) {
  (void)state;
  ddla_dataset *all = open_rows("all.csv", COUNT, kinds, 3), *middle = NULL, *inner = NULL;
  ddla_data_subset choice = {.first = 10, .count = 50};
  CHECK_OK(ddla_dataset_subset(&middle, all, &choice));
  choice = (ddla_data_subset){.first = 5, .count = 3};
  CHECK_OK(ddla_dataset_subset(&inner, middle, &choice));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(value_at(inner, i), 15 + i);
    assert_int_equal(ddla_dataset_label(inner, i), ddla_dataset_label(all, 15 + i));
  }
  float mean = 0, deviation = 0;
  ddla_dataset_moments(&mean, &deviation, inner);
  assert_true(mean == 16.0f && deviation > 0.8164f && deviation < 0.8166f);
  assert_int_equal(ddla_dataset_classes(inner), 3);
  choice = (ddla_data_subset){.first = 95, .count = 6};
  CHECK_FAILURE(ddla_dataset_subset(&inner, all, &choice), INVALID, "6 samples", "95", "100");
  choice = (ddla_data_subset){.first = 5, .count = 0};
  CHECK_FAILURE(ddla_dataset_subset(&inner, all, &choice), INVALID, "0 samples");
  CHECK_FAILURE(ddla_dataset_split(&inner, &middle, all, 1.5, 0), INVALID, "1.5");
  CHECK_FAILURE(ddla_dataset_split(&inner, &middle, all, 0.001, 0), INVALID, "empty");
  ddla_dataset_close(inner);
  ddla_dataset_close(middle);
  ddla_dataset_close(all);
}

static void classes_are_matched(void **state) {
  (void)state;
  static const char *const fewer[] = {"pear", "fig"}, *const strange[] = {"pear", "kiwi"};
  ddla_dataset *train = open_rows("train.csv", 30, kinds, 3);
  ddla_dataset *test = open_rows("test.csv", 10, fewer, 2);
  assert_int_equal(ddla_dataset_classes(test), 2);
  CHECK_OK(ddla_dataset_match_classes(test, train));
  assert_int_equal(ddla_dataset_classes(test), 3);
  for (int i = 0; i < 10; i++)
    assert_string_equal(ddla_dataset_class_name(test, ddla_dataset_label(test, i)), fewer[i % 2]);
  ddla_dataset_close(test);
  test = open_rows("test.csv", 10, strange, 2);
  CHECK_FAILURE(ddla_dataset_match_classes(test, train), INVALID, "kiwi", "3 classes");
  assert_int_equal(ddla_dataset_classes(test), 2);
  ddla_dataset_close(test);
  ddla_dataset_close(train);
}

static void fingerprints_follow_content(void **state) {
  (void)state;
  static const char *const other[] = {"pear", "apple", "figs"};
  ddla_dataset *a = open_rows("a.csv", 30, kinds, 3), *b = open_rows("b.csv", 30, kinds, 3);
  ddla_dataset *c = open_rows("c.csv", 31, kinds, 3), *d = open_rows("d.csv", 30, other, 3);
  ddla_data_fingerprint prints[4] = {ddla_dataset_fingerprint(a), ddla_dataset_fingerprint(b),
                                     ddla_dataset_fingerprint(c), ddla_dataset_fingerprint(d)};
  assert_memory_equal(&prints[0], &prints[1], sizeof prints[0]);
  assert_memory_not_equal(&prints[0], &prints[2], sizeof prints[0]);
  assert_memory_not_equal(&prints[0], &prints[3], sizeof prints[0]);
  ddla_dataset *const sets[] = {a, b, c, d};
  for (int i = 0; i < 4; i++) ddla_dataset_close(sets[i]);
}

/* Records are shared with processes forked later: a child's change is seen here. */
static void pages_are_shared(void **state) {
  (void)state;
  ddla_dataset *set = open_rows("a.csv", 30, kinds, 3);
  const volatile float *value = ddla_dataset_features(set, 7);
  pid_t child = fork();
  if (child == 0) {
    *(float *)(uintptr_t)value = 99;
    _exit(0);
  }
  int exit_status = -1;
  assert_int_equal(waitpid(child, &exit_status, 0), child);
  assert_int_equal(exit_status, 0);
  assert_true(*value == 99);
  ddla_dataset_close(set);
}

static void moments_of_a_constant(void **state) {
  (void)state;
  ddla_dataset *set = NULL;
  ddla_data_source source = {.path = write_text("flat.csv", "0.1,1,0\n0.1,3,0\n0.1,5,1\n")};
  CHECK_OK(ddla_dataset_open(&set, &source));
  float mean[2] = {0}, deviation[2] = {0};
  ddla_dataset_moments(mean, deviation, set);
  assert_true(mean[0] == 0.1f && deviation[0] == 1.0f);
  assert_true(mean[1] == 3.0f && deviation[1] > 1.632f && deviation[1] < 1.634f);
  ddla_dataset_close(set);
}

static void many_classes(void **state) {
  (void)state;
  ddla_classes classes = {0};
  int32_t number = 0;
  char name[16];
  for (int i = 0; i < DDLA_CLASSES_LIMIT; i++) {
    int length = snprintf(name, sizeof name, "%d", i * 7);
    CHECK_OK(ddla_classes_add(&number, &classes, name, (size_t)length));
    assert_int_equal(number, i);
  }
  assert_int_equal(ddla_classes_find(&classes, "700", 3), 100);
  assert_int_equal(ddla_classes_find(&classes, "701", 3), -1);
  CHECK_FAILURE(ddla_classes_add(&number, &classes, "x", 1), INVALID, "65536 classes");
  ddla_classes_fini(&classes);
  static const char *const twice[] = {"a", "b", "a"};
  CHECK_FAILURE(ddla_classes_set(&classes, twice, 3), INVALID, "\"a\"", "0 and 2");
  ddla_classes_fini(&classes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(split_is_a_partition), cmocka_unit_test(views_of_views),
      cmocka_unit_test(classes_are_matched),  cmocka_unit_test(fingerprints_follow_content),
      cmocka_unit_test(pages_are_shared),     cmocka_unit_test(moments_of_a_constant),
      cmocka_unit_test(many_classes),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
