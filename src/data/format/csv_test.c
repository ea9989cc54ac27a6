#include "data/format/csv.h"

#include <math.h>

#include "data/data.h"
#include "data/test_files.h"

static ddla_dataset *open_text(const char *text, ddla_data_source source) {
  ddla_dataset *set = NULL;
  source.path = write_text("table.csv", text);
  CHECK_OK(ddla_dataset_open(&set, &source));
  return set;
}

/* expected: [count, features], labels: [count] */
static void check_table(const ddla_dataset *set, int count, int features, const float *expected,
                        const int32_t *labels) {
  assert_int_equal(ddla_dataset_count(set), count);
  assert_int_equal(ddla_dataset_shape(set).channels, features);
  assert_int_equal(ddla_dataset_type(set), DDLA_DATA_FLOAT32);
  for (int i = 0; i < count; i++) {
    const float *row = ddla_dataset_features(set, i);
    assert_memory_equal(row, expected + i * features, (size_t)features * sizeof *row);
    assert_int_equal(ddla_dataset_label(set, i), labels ? labels[i] : -1);
  }
}

static const float table[] = {1.5f, -2, 3e4f, 0.25f};

static void numbers_and_labels(void **state) {
  (void)state;
  static const char *const texts[] = {
      "1.5,-2,0\n3e4,.25,2\n",
      "\xef\xbb\xbf 1.5 , -2 ,0\r\n\r\n3e4,.25,2\r\n\n",
      "1.5;-2;0\n3e+4;2.5e-1;2",
      "1.5\t-2\t0\n30000\t+0.25\t2\n",
      "a,b,c\n1.5,-2,0\n30000,.25,2\n",
      "\"1.5\",\"-2\",\"0\"\n\"3e4\",\"0.25\",\"2\"\n",
      "a,\"b,\n\"\"x\",c\n1.5,-2,0\n30000,0.250000000000000000000,2\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    ddla_dataset *set = open_text(texts[i], (ddla_data_source){0});
    check_table(set, 2, 2, table, (const int32_t[]){0, 2});
    assert_int_equal(ddla_dataset_classes(set), 3);
    ddla_dataset_close(set);
  }
}

static void label_columns(void **state) {
  (void)state;
  static const char *const texts[] = {"kind,b,c\n1,1.5,-2\n0,3e4,.25\n",
                                      "b,kind,c\n1.5,1,-2\n3e4,0,.25\n"};
  static const char *const columns[][2] = {{"1", "kind"}, {"2", "kind"}};
  for (int i = 0; i < 4; i++) {
    ddla_data_source source = {.label_column = columns[i / 2][i % 2]};
    ddla_dataset *set = open_text(texts[i / 2], source);
    check_table(set, 2, 2, table, (const int32_t[]){1, 0});
    ddla_dataset_close(set);
  }
  ddla_dataset *set = open_text("1.5,-2\n3e4,.25\n", (ddla_data_source){.label_column = "none"});
  check_table(set, 2, 2, table, NULL);
  assert_false(ddla_dataset_labelled(set));
  assert_int_equal(ddla_dataset_classes(set), 0);
  ddla_dataset_close(set);
}

static void names_of_classes(void **state) {
  (void)state;
  ddla_dataset *set = open_text("1.5,-2,dog\n3e4,.25,\"a \"\"cat\"\"\"\n", (ddla_data_source){0});
  check_table(set, 2, 2, table, (const int32_t[]){1, 0}); /* in the order of their bytes */
  assert_string_equal(ddla_dataset_class_name(set, 0), "a \"cat\"");
  ddla_dataset_close(set);
  ddla_data_source given = {.class_names = (const char *const[]){"fish", "dog", "cat"},
                            .class_count = 3};
  set = open_text("1.5,-2,dog\n3e4,.25,2\n", given); /* a name or a number */
  check_table(set, 2, 2, table, (const int32_t[]){1, 2});
  assert_int_equal(ddla_dataset_classes(set), 3);
  ddla_dataset_close(set);
}

/* A column that says whose a sample is is no feature, wherever it stands; names get numbers in the
 * order of their bytes. */
static void key_columns(void **state) {
  (void)state;
  static const char *const texts[] = {"who,a,b,y\nzoe,1.5,-2,0\nann,3e4,.25,2\n",
                                      "a,who,b,y\n1.5,zoe,-2,0\n3e4,ann,.25,2\n",
                                      "1.5,-2,0,zoe\n3e4,.25,2,ann\n"};
  static const struct {
    const char *key, *label;
  } columns[] = {{"who", "y"}, {"2", "last"}, {"4", "3"}};
  for (int i = 0; i < 3; i++) {
    ddla_dataset *set = open_text(texts[i], (ddla_data_source){.key_column = columns[i].key,
                                                               .label_column = columns[i].label});
    check_table(set, 2, 2, table, (const int32_t[]){0, 2});
    assert_int_equal(ddla_dataset_keys(set), 2);
    assert_int_equal(ddla_dataset_key(set, 0), 1);
    assert_int_equal(ddla_dataset_key(set, 1), 0);
    ddla_dataset_close(set);
  }
  ddla_dataset *set = open_text("1.5,-2,0\n3e4,.25,2\n", (ddla_data_source){0});
  assert_int_equal(ddla_dataset_keys(set), 0);
  assert_int_equal(ddla_dataset_key(set, 1), -1);
  ddla_dataset_close(set);
}

/* A header of numbers must be announced, and a first row of text must not. */
static void headers(void **state) {
  (void)state;
  ddla_data_source source = {.header = DDLA_DATA_HEADER_YES};
  ddla_dataset *set = open_text("0,1,2\n1.5,-2,1\n3e4,.25,0\n", source);
  check_table(set, 2, 2, table, (const int32_t[]){1, 0});
  ddla_dataset_close(set);
  source = (ddla_data_source){.label_column = "y"};
  set = open_text("0,1,y\n1.5,-2,1\n3e4,.25,0\n", source);
  check_table(set, 2, 2, table, (const int32_t[]){1, 0});
  ddla_dataset_close(set);
}

static void shaped_rows_and_gzip(void **state) {
  (void)state;
  const char *text = "1,2,3,4,5,6,0\n6,5,4,3,2,1,1\n";
  ddla_data_source source = {.path = write_gzip("table.csv.gz", text, strlen(text)),
                             .shape = {.height = 2, .width = 3}};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &source));
  ddla_data_shape shape = ddla_dataset_shape(set);
  assert_int_equal(shape.height, 2);
  assert_int_equal(shape.width, 3);
  assert_int_equal(shape.channels, 1);
  ddla_dataset_close(set);
}

/* The short way to read a number must agree with the C library's, to the bit. */
static void numbers_round_correctly(void **state) {
  (void)state;
  uint64_t random = 1;
  for (int i = 0; i < 200000; i++) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    char text[64];
    int digits = 1 + (int)(random >> 60), decimals = (int)(random >> 40 & 15);
    double value = (double)(int64_t)(random << 3) / 3e14;
    int length = i % 4 == 0 ? snprintf(text, sizeof text, "%.*e", digits, value)
                            : snprintf(text, sizeof text, "%.*f", decimals, value);
    ddla_csv_field field = {.text = text, .length = (size_t)length};
    float read = 0;
    assert_true(ddla_csv_number(&read, &field));
    float expected = (float)strtod(text, NULL);
    if (memcmp(&read, &expected, sizeof read) != 0)
      fail_msg("%s: %a, not %a", text, read, expected);
  }
}

static void what_is_no_number(void **state) {
  (void)state;
  static const char *const texts[] = {"",    ".",     "-",    "+",    "1.2.3", "1e",    "e5",
                                      "nan", "inf",   "0x10", "1e39", "1 2",   "--1",   "1,5",
                                      "1f",  "1e999", "-inf", "１",   "1e5e5", "+-1.0", "NA"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    ddla_csv_field field = {.text = texts[i], .length = strlen(texts[i])};
    float read = 7;
    if (ddla_csv_number(&read, &field)) fail_msg("\"%s\" was read as %g", texts[i], (double)read);
    assert_true(read == 7);
  }
}

/* Real files, where their folder is known. */
static void real_files(void **state) {
  (void)state;
  const char *folder = getenv("DDLA_DATA");
  if (!folder) skip();
  char path[512];
  snprintf(path, sizeof path, "%s/optdigits/optdigits.tra", folder);
  ddla_dataset *set = NULL;
  ddla_data_source source = {.path = path, .shape = {8, 8, 1}};
  CHECK_OK(ddla_dataset_open(&set, &source));
  assert_int_equal(ddla_dataset_count(set), 3823);
  assert_int_equal(ddla_dataset_classes(set), 10);
  ddla_dataset_close(set);
  snprintf(path, sizeof path, "%s/uci_iris/iris.csv", folder);
  source = (ddla_data_source){.path = path};
  CHECK_OK(ddla_dataset_open(&set, &source));
  assert_int_equal(ddla_dataset_count(set), 150);
  assert_int_equal(ddla_dataset_classes(set), 3);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_and_labels),
      cmocka_unit_test(label_columns),
      cmocka_unit_test(key_columns),
      cmocka_unit_test(names_of_classes),
      cmocka_unit_test(headers),
      cmocka_unit_test(shaped_rows_and_gzip),
      cmocka_unit_test(numbers_round_correctly),
      cmocka_unit_test(what_is_no_number),
      cmocka_unit_test(real_files),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
