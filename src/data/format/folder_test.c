#include "base/alloc.h"
#include "data/data.h"
#include "data/format/image.h"
#include "data/format/test_images.h"

/* Folder with classes b, a: a holds 2 images, b 1, flat, values 10, 20, 30 in that order. */
static void make_classes(const char *root, int height, int width) {
  char name[256];
  static const char *const names[] = {"", "/a", "/b"};
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "%s%s", root, names[i]);
    make_directory(name);
  }
  static const char *const images[] = {"a/1.png", "a/2.PNG", "b/0.png"};
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "%s/%s", root, images[i]);
    write_flat_png(name, 10 * (i + 1), height, width);
  }
}

static void check_classes(const ddla_dataset *set, int height, int width) {
  assert_int_equal(ddla_dataset_count(set), 3);
  assert_int_equal(ddla_dataset_shape(set).height, height);
  assert_int_equal(ddla_dataset_shape(set).width, width);
  assert_int_equal(ddla_dataset_shape(set).channels, 1);
  for (int i = 0; i < 3; i++) {
    const uint8_t *pixels = ddla_dataset_features(set, i);
    for (int p = 0; p < height * width; p++) assert_int_equal(pixels[p], 10 * (i + 1));
    assert_int_equal(ddla_dataset_label(set, i), i / 2);
  }
  assert_string_equal(ddla_dataset_class_name(set, 1), "b");
}

static void classes_are_folders(void **state) {
  (void)state;
  make_classes("set", 4, 6);
  write_text("set/README", "where this is from");
  write_text("set/a/.hidden", "");
  for (int threads = 1; threads <= 3; threads++) {
    ddla_data_source source = {.path = test_path("set"), .threads = threads};
    ddla_dataset *set = NULL;
    CHECK_OK(ddla_dataset_open(&set, &source));
    check_classes(set, 4, 6);
    ddla_dataset_close(set);
  }
  ddla_data_source source = {.path = test_path("set"), .shape = {3, 2, 1}};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &source));
  check_classes(set, 3, 2);
  ddla_dataset_close(set);
}

static void parts_are_folders(void **state) {
  (void)state;
  make_directory("parts");
  make_classes("parts/train", 2, 2);
  make_classes("parts/test", 5, 5);
  ddla_data_source sources[3] = {{.path = test_path("parts")},
                                 {.path = test_path("parts"), .part = DDLA_DATA_TEST},
                                 {.path = test_path("parts"), .part = DDLA_DATA_VALIDATION}};
  ddla_dataset *sets[2] = {0}, *set = NULL;
  CHECK_OK(ddla_dataset_open_all(sets, sources, 2));
  check_classes(sets[0], 2, 2);
  check_classes(sets[1], 5, 5);
  ddla_dataset_close(sets[0]);
  ddla_dataset_close(sets[1]);
  assert_true(ddla_dataset_has_part(&sources[1]));
  assert_false(ddla_dataset_has_part(&sources[2]));
  CHECK_FAILURE(ddla_dataset_open(&set, &sources[2]), INVALID, "parts/train", "validation");
  ddla_data_source undivided = {.path = test_path("parts/test"), .part = DDLA_DATA_TEST};
  assert_false(ddla_dataset_has_part(&undivided));
  CHECK_OK(ddla_dataset_open(&set, &undivided));
  ddla_dataset_close(set);
}

static void channels_are_converted(void **state) {
  (void)state;
  static const uint8_t red_then_gray[6] = {255, 0, 0, 90, 90, 90};
  const char *path = write_png("colour.png", red_then_gray, 1, 2, PNG_FORMAT_RGB);
  uint8_t pixels[6] = {0}, gray[2] = {0};
  CHECK_OK(ddla_image_read(pixels, (ddla_data_shape){1, 2, 3}, path));
  assert_memory_equal(pixels, red_then_gray, 6);
  CHECK_OK(ddla_image_read(gray, (ddla_data_shape){1, 2, 1}, path));
  assert_in_range(gray[0], 100, 150); /* red's share of light, in sRGB */
  assert_int_equal(gray[1], 90);
  static const uint16_t deep[4] = {65535, 65535, 32768, 0}; /* gray, alpha: linear light */
  path = write_png("deep.png", deep, 1, 2, PNG_FORMAT_LINEAR_Y_ALPHA);
  CHECK_OK(ddla_image_read(gray, (ddla_data_shape){1, 2, 1}, path));
  assert_int_equal(gray[0], 255);
  assert_int_equal(gray[1], 0); /* transparent is black */
  path = write_flat_png("gray.png", 77, 1, 2);
  CHECK_OK(ddla_image_read(pixels, (ddla_data_shape){1, 2, 3}, path));
  for (int i = 0; i < 6; i++) assert_int_equal(pixels[i], 77);
  CHECK_FAILURE(ddla_image_read(pixels, (ddla_data_shape){1, 2, 2}, path), INVALID, "2 channels");
}

/* By hand: 2 -> 4 pixels at centres 0.25, 0.75, 1.25, 1.75; 4 -> 2 with weights 3 3 1 and 1 3 3 of
 * 8 clipped at the border (1 3 3 1 of 8 inside). */
static void scaling_is_bilinear(void **state) {
  (void)state;
  uint8_t two[2] = {0, 100}, four[4] = {0, 80, 160, 240}, out[4] = {0};
  ddla_image image = {.shape = {1, 2, 1}, .pixels = two};
  CHECK_OK(ddla_image_scale(out, (ddla_data_shape){1, 4, 1}, &image));
  assert_memory_equal(out, ((uint8_t[]){0, 25, 75, 100}), 4);
  image = (ddla_image){.shape = {4, 1, 1}, .pixels = four};
  CHECK_OK(ddla_image_scale(out, (ddla_data_shape){2, 1, 1}, &image));
  assert_int_equal(out[0], 57);  /* (3*0 + 3*80 + 160) / 7 */
  assert_int_equal(out[1], 183); /* (80 + 3*160 + 3*240) / 7 */
}

typedef struct failing {
  int left, live;
} failing;

static void *fail_allocate(size_t bytes, void *argument) {
  failing *counts = argument;
  if (counts->left-- == 0) return NULL;
  counts->live++;
  return aligned_alloc(64, bytes);
}

static void fail_release(void *block, void *argument) {
  ((failing *)argument)->live--;
  free(block);
}

/* Whichever allocation fails, opening says so and keeps nothing. One thread: allocations in order.
 */
static void every_allocation_may_fail(void **state) {
  (void)state;
  const char *table = write_text("table.csv", "1,2,dog\n3,4,cat\n");
  const char *const paths[] = {test_path("set"), table};
  for (int kind = 0; kind < 2; kind++) {
    ddla_data_source source = {.path = paths[kind], .threads = 1, .shape = {0, 0, 0}};
    if (kind == 0) source.shape = (ddla_data_shape){3, 2, 1};
    ddla_status status = DDLA_NO_MEMORY;
    int call = 0;
    for (; call < 1000 && status != DDLA_OK; call++) {
      failing counts = {.left = call};
      ddla_allocator allocator = {fail_allocate, fail_release, &counts};
      ddla_dataset *set = NULL;
      ddla_alloc_replace(&allocator);
      status = ddla_dataset_open(&set, &source);
      ddla_dataset_close(set);
      ddla_alloc_replace(NULL);
      assert_int_equal(counts.live, 0);
      assert_true(status == DDLA_OK || status == DDLA_NO_MEMORY);
    }
    assert_in_range(call, 6, 999);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(classes_are_folders),       cmocka_unit_test(parts_are_folders),
      cmocka_unit_test(channels_are_converted),    cmocka_unit_test(scaling_is_bilinear),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
