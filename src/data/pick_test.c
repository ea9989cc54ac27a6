#include "data/data.h"
#include "data/test_files.h"

enum { COUNT = 200 };

/* COUNT rows whose number is their place; class a for two of three, else b. */
static ddla_dataset *open_rows(void) {
  char text[COUNT * 16] = "";
  size_t used = 0;
  ddla_dataset *set = NULL;
  for (int i = 0; i < COUNT; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%d,%s\n", i, i % 3 ? "a" : "b");
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = write_text("rows.csv", text)}));
  return set;
}

static int value_at(const ddla_dataset *set, int64_t index) {
  return (int)*(const float *)ddla_dataset_features(set, index);
}

/* The same samples as of the split that training makes. */
static void choice_is_the_split(void **state) {
  (void)state;
  ddla_dataset *set = open_rows(), *train = NULL, *held = NULL;
  uint8_t chosen[COUNT];
  CHECK_OK(ddla_dataset_choose(chosen, set, &(ddla_data_choice){.fraction = 0.2, .seed = 5}));
  CHECK_OK(ddla_dataset_split(&train, &held, set, 0.2, 5));
  int sum = 0;
  for (int i = 0; i < COUNT; i++) sum += chosen[i];
  assert_int_equal(sum, 40);
  for (int64_t i = 0; i < ddla_dataset_count(held); i++)
    assert_int_equal(chosen[value_at(held, i)], 1);
  ddla_dataset_close(train);
  ddla_dataset_close(held);
  ddla_dataset_close(set);
}

static void classes_keep_their_share(void **state) {
  (void)state;
  ddla_dataset *set = open_rows();
  uint8_t chosen[COUNT], other[COUNT];
  int held[2] = {0};
  ddla_data_choice choice = {.fraction = 0.1, .seed = 1, .by_label = true};
  CHECK_OK(ddla_dataset_choose(chosen, set, &choice));
  for (int i = 0; i < COUNT; i++) held[i % 3 == 0] += chosen[i];
  assert_int_equal(held[0], 13); /* of 133 */
  assert_int_equal(held[1], 7);  /* of 67 */
  choice.seed = 2;
  CHECK_OK(ddla_dataset_choose(other, set, &choice));
  assert_memory_not_equal(chosen, other, COUNT);
  ddla_dataset_close(set);
}

static void picked_samples(void **state) {
  (void)state;
  ddla_dataset *set = open_rows(), *picked = NULL, *rest = NULL, *again = NULL;
  uint8_t chosen[COUNT] = {0};
  for (int i = 10; i < COUNT; i += 7) chosen[i] = 1;
  CHECK_OK(ddla_dataset_pick(&picked, set, chosen, 1, NULL));
  CHECK_OK(ddla_dataset_pick(&rest, set, chosen, 0, NULL));
  assert_int_equal(ddla_dataset_count(picked) + ddla_dataset_count(rest), COUNT);
  for (int64_t i = 0; i < ddla_dataset_count(picked); i++) {
    const int value = value_at(picked, i);
    assert_int_equal(value, 10 + 7 * i);
    assert_string_equal(ddla_dataset_class_name(picked, ddla_dataset_label(picked, i)),
                        value % 3 ? "a" : "b");
  }
  memset(chosen, 1, sizeof chosen); /* all of it is the set again */
  CHECK_OK(ddla_dataset_pick(&again, set, chosen, 1, NULL));
  ddla_data_fingerprint a = ddla_dataset_fingerprint(set), b = ddla_dataset_fingerprint(again);
  assert_memory_equal(&a, &b, sizeof a);
  ddla_dataset *const all[] = {picked, rest, again, set};
  for (int i = 0; i < 4; i++) ddla_dataset_close(all[i]);
}

/* The end of a text is set aside, and each side keeps the token behind its last window. */
static void texts_are_cut(void **state) {
  (void)state;
  ddla_dataset *set = NULL, *end = NULL, *whole = NULL;
  uint8_t chosen[16];
  ddla_data_source source = {
      .path = write_text("letters.txt", "abcdefghijklmnopqrstu"), .format = "text", .window = 4};
  CHECK_OK(ddla_dataset_open(&set, &source));
  assert_int_equal(ddla_dataset_count(set), 5);
  CHECK_OK(ddla_dataset_choose(chosen, set, &(ddla_data_choice){.fraction = 0.4}));
  assert_memory_equal(chosen, "\0\0\0\1\1", 5);
  CHECK_OK(ddla_dataset_pick(&end, set, chosen, 1, NULL));
  assert_int_equal(ddla_dataset_count(end), 2);
  assert_memory_equal(ddla_dataset_features(end, 0), ddla_dataset_features(set, 3),
                      9 * sizeof(uint16_t));
  CHECK_FAILURE(
      ddla_dataset_choose(chosen, set, &(ddla_data_choice){.fraction = 0.4, .by_label = true}),
      INVALID, "no labels");
  ddla_dataset_close(whole);
  ddla_dataset_close(end);
  ddla_dataset_close(set);
}

static void what_is_refused(void **state) {
  (void)state;
  ddla_dataset *set = open_rows(), *none = NULL;
  uint8_t chosen[COUNT] = {0};
  CHECK_FAILURE(ddla_dataset_choose(chosen, set, &(ddla_data_choice){.fraction = 1}), INVALID,
                "fraction of 1", "less than 1");
  CHECK_FAILURE(ddla_dataset_choose(chosen, set, &(ddla_data_choice){.fraction = 0.001}), INVALID,
                "0.001", "empty");
  CHECK_FAILURE(ddla_dataset_pick(&none, set, chosen, 1, NULL), INVALID, "none is left");
  assert_null(none);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(choice_is_the_split), cmocka_unit_test(classes_keep_their_share),
      cmocka_unit_test(picked_samples), cmocka_unit_test(texts_are_cut),
      cmocka_unit_test(what_is_refused)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
