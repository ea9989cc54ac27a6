#include "data/format/idx.h"

#include "data/data.h"
#include "data/test_files.h"

enum { IMAGES = 12 };

static void write_idx(const char *name, int dimensions, const uint32_t *sizes, int first, int step,
                      bool zipped) {
  size_t length = 0;
  uint8_t *bytes = idx_bytes(&length, dimensions, sizes, first, step);
  zipped ? write_gzip(name, bytes, length) : write_file(name, bytes, length);
  free(bytes);
}

/* images: value i of the file is i mod 256; label of image i is i mod 256 */
static void write_pair(const char *folder, const char *stem, int count, bool zipped) {
  char name[256];
  const char *ending = zipped ? ".gz" : "";
  snprintf(name, sizeof name, "%s/%s-images-idx3-ubyte%s", folder, stem, ending);
  write_idx(name, 3, (uint32_t[]){(uint32_t)count, 3, 5}, 0, 1, zipped);
  snprintf(name, sizeof name, "%s/%s-labels-idx1-ubyte%s", folder, stem, ending);
  write_idx(name, 1, (uint32_t[]){(uint32_t)count}, 0, 1, zipped);
}

static void check_set(const ddla_dataset *set, int count) {
  assert_int_equal(ddla_dataset_count(set), count);
  ddla_data_shape shape = ddla_dataset_shape(set);
  assert_int_equal(shape.height, 3);
  assert_int_equal(shape.width, 5);
  assert_int_equal(shape.channels, 1);
  assert_int_equal(ddla_dataset_type(set), DDLA_DATA_UINT8);
  assert_int_equal(ddla_dataset_classes(set), count);
  assert_string_equal(ddla_dataset_class_name(set, count - 1), count == IMAGES ? "11" : "4");
  for (int i = 0; i < count; i++) {
    assert_int_equal(ddla_dataset_label(set, i), i);
    const uint8_t *pixels = ddla_dataset_features(set, i);
    for (int p = 0; p < 15; p++) assert_int_equal(pixels[p], (uint8_t)(15 * i + p));
  }
}

static void directory_and_files(void **state) {
  (void)state;
  static const char *const folders[] = {"plain", "zipped"};
  ddla_data_fingerprint prints[2] = {{0}};
  for (int zipped = 0; zipped < 2; zipped++) {
    const char *folder = make_directory(folders[zipped]);
    write_pair(folders[zipped], "train", IMAGES, zipped);
    write_pair(folders[zipped], "t10k", 5, zipped);
    ddla_data_source sources[2] = {{.path = folder}, {.path = folder, .part = DDLA_DATA_TEST}};
    ddla_dataset *sets[2] = {0};
    CHECK_OK(ddla_dataset_open_all(sets, sources, 2));
    check_set(sets[0], IMAGES);
    check_set(sets[1], 5);
    prints[zipped] = ddla_dataset_fingerprint(sets[0]);
    assert_int_not_equal(prints[zipped].low, ddla_dataset_fingerprint(sets[1]).low);
    ddla_dataset_close(sets[0]);
    ddla_dataset_close(sets[1]);
  }
  assert_memory_equal(&prints[0], &prints[1], sizeof prints[0]);
  ddla_dataset *set = NULL;
  ddla_data_source file = {.path = test_path("plain/t10k-images-idx3-ubyte")};
  CHECK_OK(ddla_dataset_open(&set, &file));
  check_set(set, 5);
  ddla_dataset_close(set);
  file.labels_path = test_path("zipped/t10k-labels-idx1-ubyte.gz");
  CHECK_OK(ddla_dataset_open(&set, &file));
  check_set(set, 5);
  ddla_dataset_close(set);
}

static void colour_images(void **state) {
  (void)state;
  write_idx("colour-images", 4, (uint32_t[]){4, 2, 2, 3}, 0, 1, false);
  write_idx("colour-labels", 1, (uint32_t[]){4}, 1, 0, true);
  ddla_dataset *set = NULL;
  ddla_data_source source = {.path = test_path("colour-images"),
                             .labels_path = test_path("colour-labels"),
                             .class_names = (const char *const[]){"cat", "dog"},
                             .class_count = 2};
  CHECK_OK(ddla_dataset_open(&set, &source));
  assert_int_equal(ddla_dataset_shape(set).channels, 3);
  assert_int_equal(ddla_dataset_label(set, 3), 1);
  assert_string_equal(ddla_dataset_class_name(set, 1), "dog");
  ddla_dataset_close(set);
}

typedef struct counter {
  int made, released;
  size_t bytes;
} counter;

static void *count_allocate(size_t bytes, void *argument) {
  counter *counts = argument;
  counts->made++;
  counts->bytes += bytes;
  return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void count_release(void *block, size_t bytes, void *argument) {
  counter *counts = argument;
  counts->released++;
  counts->bytes -= bytes;
  free(block);
}

static void records_lie_in_the_callers_memory(void **state) {
  (void)state;
  counter counts = {0};
  ddla_data_memory memory = {count_allocate, count_release, &counts};
  ddla_data_source source = {.path = test_path("zipped"), .memory = &memory};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &source));
  assert_int_equal(counts.made, 2);
  assert_int_equal(counts.bytes, ddla_dataset_bytes(set));
  ddla_dataset_close(set);
  assert_int_equal(counts.released, 2);
  assert_int_equal(counts.bytes, 0);
}

static void *refuse(size_t bytes, void *argument) {
  (void)bytes, (void)argument;
  return NULL;
}

static void no_memory_is_said(void **state) {
  (void)state;
  ddla_data_memory memory = {refuse, count_release, NULL};
  ddla_data_source source = {.path = test_path("zipped"), .memory = &memory};
  ddla_dataset *set = NULL;
  CHECK_FAILURE(ddla_dataset_open(&set, &source), NO_MEMORY, "196 bytes");
  assert_null(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(directory_and_files),
      cmocka_unit_test(colour_images),
      cmocka_unit_test(records_lie_in_the_callers_memory),
      cmocka_unit_test(no_memory_is_said),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
