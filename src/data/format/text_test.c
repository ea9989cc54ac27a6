#include "data/test_files.h"

#include "data/format/text.h"
#include "data/tokens.h"

enum { WINDOW = 4 };

static ddla_dataset *open_text(const char *text, const char *name) {
  ddla_dataset *set = NULL;
  const ddla_data_source source = {.path = write_text(name, text), .window = WINDOW};
  ddla_status status = ddla_dataset_open(&set, &source);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  return set;
}

static void characters_are_tokens_in_the_order_of_code_points(void **state) {
  (void)state;
  ddla_dataset *set = open_text("b\u00e9a\nb\U0001F600\u4e2daa", "text.txt"); /* 9 characters */
  static const char *const names[] = {"\n", "a", "b", "\u00e9", "\u4e2d", "\U0001F600"};
  assert_int_equal(ddla_dataset_type(set), DDLA_DATA_TOKENS);
  assert_int_equal(ddla_dataset_classes(set), 6);
  for (int i = 0; i < 6; i++) assert_string_equal(ddla_dataset_class_name(set, i), names[i]);
  assert_int_equal(ddla_dataset_count(set), 2);
  const int64_t indices[] = {1, 0};
  int32_t tokens[2 * WINDOW], next[2 * WINDOW];
  ddla_batch_fill(tokens, next, set, indices, 2, NULL);
  assert_memory_equal(tokens, ((const int32_t[]){2, 5, 4, 1, 2, 3, 1, 0}), sizeof tokens);
  assert_memory_equal(next, ((const int32_t[]){5, 4, 1, 1, 3, 1, 0, 2}), sizeof next);
  ddla_dataset_close(set);
}

/* The text counts up, so a token tells its place. */
static ddla_dataset *open_counting(int count) {
  char text[128] = {0};
  for (int i = 0; i < count; i++) text[i] = (char)('!' + i);
  return open_text(text, "counting.txt");
}

static void windows_slide_within_their_part(void **state) {
  (void)state;
  enum { PLACES = 45, EPOCHS = 200 };
  ddla_dataset *set = open_counting(PLACES), *train = NULL, *validation = NULL;
  assert_int_equal(ddla_dataset_split(&train, &validation, set, 0.3, 5), DDLA_OK);
  assert_int_equal(ddla_dataset_count(train), 8);
  assert_int_equal(ddla_dataset_count(validation), 3);
  int seen[PLACES] = {0};
  for (int64_t epoch = 0; epoch < EPOCHS; epoch++)
    for (int64_t i = 0; i < 8; i++) {
      int32_t tokens[WINDOW], next[WINDOW], again[WINDOW];
      const ddla_augment augment = {.seed = 3, .epoch = epoch, .slide = true};
      ddla_batch_fill(tokens, next, train, &i, 1, &augment);
      ddla_batch_fill(again, NULL, train, &i, 1, &augment);
      assert_memory_equal(tokens, again, sizeof tokens);
      assert_true(tokens[0] >= i * WINDOW && tokens[0] < (i + 1) * WINDOW);
      assert_true(next[WINDOW - 1] <= 8 * WINDOW);
      for (int k = 0; k < WINDOW; k++) assert_int_equal(next[k], tokens[k] + 1);
      seen[tokens[0]]++;
    }
  for (int i = 0; i <= 28; i++) assert_true(seen[i] > 0); /* the last place a window can have */
  int32_t tokens[WINDOW];
  const int64_t first = 0;
  ddla_batch_fill(tokens, NULL, validation, &first, 1, NULL);
  assert_int_equal(tokens[0], 8 * WINDOW);
  ddla_dataset_close(train);
  ddla_dataset_close(validation);
  ddla_dataset_close(set);
}

static void another_text_gets_the_numbers_of_the_first(void **state) {
  (void)state;
  ddla_dataset *set = open_text("abcdef", "first.txt"), *other = open_text("fdfda", "other.txt");
  ddla_dataset *strange = open_text("abcZZ", "strange.txt");
  int32_t tokens[WINDOW];
  const int64_t first = 0;
  assert_int_equal(ddla_dataset_match_classes(other, set), DDLA_OK);
  ddla_batch_fill(tokens, NULL, other, &first, 1, NULL);
  assert_memory_equal(tokens, ((const int32_t[]){5, 3, 5, 3}), sizeof tokens);
  assert_int_equal(ddla_dataset_match_classes(strange, set), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "'Z'"));
  ddla_dataset_close(set);
  ddla_dataset_close(other);
  ddla_dataset_close(strange);
}

static void refuse(const char *bytes, size_t length, const char *const *names, int count,
                   const char *words) {
  ddla_dataset *set = NULL;
  const ddla_data_source source = {.path = write_file("bad.txt", bytes, length),
                                   .window = WINDOW,
                                   .class_names = names,
                                   .class_count = count};
  assert_int_equal(ddla_dataset_open(&set, &source), DDLA_INVALID);
  if (!strstr(ddla_status_message(DDLA_INVALID), words))
    fail_msg("\"%s\" lacks \"%s\"", ddla_status_message(DDLA_INVALID), words);
}

static void what_is_no_text_is_refused_with_its_place(void **state) {
  (void)state;
  static const char *const known[] = {"a", "b"}, *const wrong[] = {"a", "bb"};
  refuse("ab\xc3\xa9\xffxyz", 8, NULL, 0, "byte 4 (0xff) is not part of valid UTF-8");
  refuse("abcdefg\xe4\xb8", 9, NULL, 0, "byte 7 (0xe4)");
  refuse("abc\0defg", 8, NULL, 0, "byte 3 is zero");
  refuse("abcd", 4, NULL, 0, "has 4 characters; at least 5 are needed");
  refuse("", 0, NULL, 0, "has 0 characters");
  refuse("abab\xc3\xa9", 6, known, 2, "byte 4 begins the character '\xc3\xa9' (U+00E9)");
  refuse("ababab", 6, wrong, 2, "not one character");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(characters_are_tokens_in_the_order_of_code_points),
      cmocka_unit_test(windows_slide_within_their_part),
      cmocka_unit_test(another_text_gets_the_numbers_of_the_first),
      cmocka_unit_test(what_is_no_text_is_refused_with_its_place),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
