#include "data/test_files.h"

#include "base/sha256.h"
#include "data/data.h"

static ddla_dataset *open_part(const char *path, ddla_data_part part) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = path, .part = part}));
  return set;
}

static void shape_and_labels(void **state) {
  (void)state;
  ddla_dataset *set = open_part("synthetic:9x7x3:4:50", DDLA_DATA_TRAIN);
  ddla_dataset *test = open_part("synthetic:9x7x3:4:50", DDLA_DATA_TEST);
  ddla_data_shape shape = ddla_dataset_shape(set);
  assert_int_equal(shape.height, 9);
  assert_int_equal(shape.width, 7);
  assert_int_equal(shape.channels, 3);
  assert_int_equal(ddla_dataset_count(set), 50);
  assert_int_equal(ddla_dataset_count(test), 9);
  assert_int_equal(ddla_dataset_classes(test), 4);
  for (int i = 0; i < 50; i++) assert_int_equal(ddla_dataset_label(set, i), i % 4);
  assert_memory_not_equal(ddla_dataset_features(set, 0), ddla_dataset_features(test, 0), 9 * 7 * 3);
  ddla_dataset_close(set);
  ddla_dataset_close(test);
}

/* Bytes are part of what measurements and tests rely on. */
static void bytes_stay(void **state) {
  (void)state;
  ddla_dataset *set = open_part("synthetic:28x28x1:10:100", DDLA_DATA_TRAIN);
  char found[DDLA_XXH128_TEXT_BYTES];
  ddla_xxh128_of(found, ddla_dataset_features(set, 0), 28 * 28 * 100);
  assert_string_equal(found, "cee0a4e98dcf6170fe127864d811cc2b");
  ddla_dataset_close(set);
}

/* The mean image of a class is nearer to its samples than that of another class. */
static void classes_differ(void **state) {
  (void)state;
  enum { PIXELS = 12 * 12, SAMPLES = 40 };
  ddla_dataset *set = open_part("synthetic:12x12x1:2:40", DDLA_DATA_TRAIN);
  double mean[2][PIXELS] = {{0}};
  for (int i = 0; i < SAMPLES; i++)
    for (int p = 0; p < PIXELS; p++)
      mean[i % 2][p] += ((const uint8_t *)ddla_dataset_features(set, i))[p] / (SAMPLES / 2.0);
  for (int i = 0; i < SAMPLES; i++) {
    double distance[2] = {0};
    for (int p = 0; p < PIXELS; p++)
      for (int c = 0; c < 2; c++) {
        double gap = ((const uint8_t *)ddla_dataset_features(set, i))[p] - mean[c][p];
        distance[c] += gap * gap;
      }
    assert_true(distance[i % 2] < distance[1 - i % 2]);
  }
  ddla_dataset_close(set);
}

static void refused(void **state) {
  (void)state;
  static const char *const paths[] = {"synthetic:",
                                      "synthetic:28x28:10:5",
                                      "synthetic:28x28x1:10",
                                      "synthetic:28x28x1:10:0",
                                      "synthetic:28x28x1:1:5",
                                      "synthetic:0x28x1:10:5",
                                      "synthetic:28x28x1:10:5x",
                                      "synthetic:99999x28x1:10:5",
                                      "synthetic:28x28x1:10:99999999999999999999",
                                      "synthetic:4096x4096x64:2:1000000000000"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    ddla_dataset *set = NULL;
    CHECK_FAILURE(ddla_dataset_open(&set, &(ddla_data_source){.path = paths[i]}), INVALID,
                  "synthetic:28x28x1:10:6000");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shape_and_labels),
                                     cmocka_unit_test(bytes_stay), cmocka_unit_test(classes_differ),
                                     cmocka_unit_test(refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
