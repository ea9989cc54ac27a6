
#include "base/alloc.h"
#include "data/data.h"
#include "data/format/test_archives.h"
#include "data/format/test_images.h"

/* An image of sample i has the value 10 * (i + 1). */
static void check_set(const ddla_data_source *source, int count, int height, int width,
                      const int32_t *labels) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, source));
  assert_int_equal(ddla_dataset_count(set), count);
  assert_int_equal(ddla_dataset_shape(set).height, height);
  assert_int_equal(ddla_dataset_shape(set).width, width);
  assert_int_equal(ddla_dataset_shape(set).channels, 1);
  for (int i = 0; i < count; i++) {
    const uint8_t *pixels = ddla_dataset_features(set, i);
    for (int p = 0; p < height * width; p++) assert_int_equal(pixels[p], 10 * (i + 1));
    assert_int_equal(ddla_dataset_label(set, i), labels ? labels[i] : -1);
  }
  ddla_dataset_close(set);
}

static const int32_t four[] = {0, 2, 1, 0};

/* Samples first to end, with labels 0, 2, 1, 0, …, in .cls, .txt or .json. */
static void add_samples(test_archive *archive, int first, int end, const char *kind, int size) {
  for (int i = first; i < end; i++) {
    char name[64], text[64];
    snprintf(name, sizeof name, "./set/%04d.%s", i, kind);
    snprintf(text, sizeof text, strcmp(kind, "json") == 0 ? "{\"a\":[1],\n\"label\":%d}\n" : "%d\n",
             (int)four[i % 4]);
    if (i % 2) tar_add_text(archive, name, text);
    snprintf(name, sizeof name, "./set/%04d.pgm", i);
    tar_add_gray(archive, name, 10 * (i + 1), size, size + i * (size > 4));
    snprintf(name, sizeof name, "./set/%04d.%s", i, kind);
    if (i % 2 == 0) tar_add_text(archive, name, text);
    snprintf(name, sizeof name, "./set/%04d.seg.png", i);
    tar_add_text(archive, name, "not read");
  }
}

static void one_archive(void **state) {
  (void)state;
  static const char *const kinds[] = {"cls", "txt", "json", "CLS"};
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
    for (int threads = 1; threads <= 3; threads++) {
      test_archive archive = {0};
      tar_add_kind(&archive, "./set/", "", 0, '5');
      tar_add_text(&archive, "./set/._0000.pgm", "what a Mac leaves");
      tar_add_text(&archive, "__index__.cls", "7");
      tar_add_text(&archive, "README", "no ending");
      add_samples(&archive, 0, 4, kinds[k], 3);
      ddla_data_source source = {.path = tar_write(&archive, "one.tar"), .threads = threads};
      check_set(&source, 4, 3, 3, four);
      source.label_column = "none";
      check_set(&source, 4, 3, 3, NULL);
    }
}

static void zipped_and_without_a_name(void **state) {
  (void)state;
  test_archive archive = {0};
  add_samples(&archive, 0, 4, "cls", 3);
  tar_end(&archive);
  static const char *const names[] = {"two.tar.gz", "two.tgz"};
  for (int i = 0; i < 2; i++) {
    ddla_data_source source = {.path = write_gzip(names[i], archive.bytes, archive.length)};
    check_set(&source, 4, 3, 3, four);
  }
  ddla_data_source source = {.path = write_file("nameless", archive.bytes, archive.length)};
  check_set(&source, 4, 3, 3, four);
  free(archive.bytes);
}

static void write_shard(const char *name, int first, int end) {
  test_archive archive = {0};
  add_samples(&archive, first, end, "cls", 3);
  tar_write(&archive, name);
}

static void shards(void **state) {
  (void)state;
  ddla_data_source source = {.path = make_directory("shards")};
  write_shard("shards/b.tar", 3, 4);
  write_shard("shards/a-0.tar", 0, 1);
  write_shard("shards/a-1.tar", 1, 3);
  write_shard("shards/none.tar", 0, 0);
  write_text("shards/LICENCE", "free");
  check_set(&source, 4, 3, 3, four);
  assert_false(ddla_dataset_has_part(&source));
}

static void parts(void **state) {
  (void)state;
  ddla_data_source named = {.path = make_directory("named")};
  write_shard("named/train-000.tar", 0, 2);
  write_shard("named/train-001.tar", 2, 4);
  write_shard("named/test.tar", 0, 3);
  write_shard("named/val_0.tar", 0, 1);
  ddla_data_source divided = {.path = make_directory("divided")};
  make_directory("divided/train");
  make_directory("divided/testing");
  write_shard("divided/train/x.tar", 0, 4);
  write_shard("divided/testing/x.tar", 0, 3);
  ddla_data_source *const both[] = {&named, &divided};
  for (int i = 0; i < 2; i++) {
    ddla_data_source source = *both[i];
    check_set(&source, 4, 3, 3, four);
    source.part = DDLA_DATA_TEST;
    assert_true(ddla_dataset_has_part(&source));
    check_set(&source, 3, 3, 3, four);
    source.part = DDLA_DATA_VALIDATION;
    assert_true(ddla_dataset_has_part(&source) == (i == 0));
  }
}

/* The archive that folders of images came in does not stand for them. */
static void folders_stay_folders(void **state) {
  (void)state;
  ddla_data_source source = {.path = make_directory("pets")};
  make_directory("pets/cat");
  write_flat_png("pets/cat/1.png", 10, 2, 2);
  write_shard("pets/all.tar", 0, 4);
  check_set(&source, 1, 2, 2, (const int32_t[]){0});
}

static void images_are_scaled(void **state) {
  (void)state;
  test_archive archive = {0};
  add_samples(&archive, 0, 4, "cls", 5); /* 5 x 5, 5 x 6, 5 x 7, 5 x 8 */
  ddla_data_source source = {.path = tar_write(&archive, "sizes.tar"), .shape = {2, 3, 1}};
  check_set(&source, 4, 2, 3, four);
}

/* A PNG file in the archive is what it is in a folder. */
static void png_beside_pgm(void **state) {
  (void)state;
  test_archive archive = {0};
  char bytes[512];
  FILE *file = fopen(write_flat_png("flat.png", 10, 3, 3), "rb");
  assert_non_null(file);
  size_t length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  tar_add(&archive, "a.PNG", bytes, length);
  tar_add_text(&archive, "a.txt", " cat \r\n");
  tar_add_gray(&archive, "b.ppm", 20, 3, 3); /* the content counts */
  tar_add_text(&archive, "b.json", "{\"kind\":\"bird\",\"label\":\"cat\"}");
  const char *path = tar_write(&archive, "pets.tar");
  check_set(&(const ddla_data_source){.path = path}, 2, 3, 3, (const int32_t[]){0, 0});
}

/* .cls before .txt before .json, unless a key is given. */
static void which_label_counts(void **state) {
  (void)state;
  test_archive archive = {0};
  for (int i = 0; i < 2; i++) {
    tar_add_text(&archive, i ? "b.json" : "a.json", i ? "{\"kind\":0}" : "{\"kind\":1}");
    tar_add_text(&archive, i ? "b.txt" : "a.txt", i ? "5" : "6");
    tar_add_text(&archive, i ? "b.cls" : "a.cls", i ? "3" : "2");
    tar_add_gray(&archive, i ? "b.pgm" : "a.pgm", 10 * (i + 1), 2, 2);
  }
  const char *path = tar_write(&archive, "which.tar");
  check_set(&(const ddla_data_source){.path = path}, 2, 2, 2, (const int32_t[]){2, 3});
  check_set(&(const ddla_data_source){.path = path, .label_column = "kind"}, 2, 2, 2,
            (const int32_t[]){1, 0});
}

static void many_samples(void **state) {
  (void)state;
  enum { MANY = 3000 };
  test_archive archive = {0};
  for (int i = 0; i < MANY; i++) {
    char name[32];
    snprintf(name, sizeof name, "%d.pgm", i);
    tar_add_gray(&archive, name, i % 251, 1, 1);
  }
  ddla_data_source source = {.path = tar_write(&archive, "many.tar"), .label_column = "none"};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &source));
  assert_int_equal(ddla_dataset_count(set), MANY);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(*(const uint8_t *)ddla_dataset_features(set, i), i % 251);
  ddla_dataset_close(set);
}

typedef struct failing {
  int left, live;
} failing;

static void *fail_allocate(size_t bytes, void *argument) {
  failing *counts = argument;
  if (counts->left-- == 0) return NULL;
  counts->live++;
  return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void fail_release(void *block, void *argument) {
  ((failing *)argument)->live--;
  free(block);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  test_archive archive = {0};
  add_samples(&archive, 0, 2, "txt", 5);
  ddla_data_source source = {
      .path = tar_write(&archive, "fail.tar"), .shape = {2, 2, 1}, .threads = 1};
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
  assert_in_range(call, 10, 999);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_archive),
      cmocka_unit_test(zipped_and_without_a_name),
      cmocka_unit_test(shards),
      cmocka_unit_test(parts),
      cmocka_unit_test(folders_stay_folders),
      cmocka_unit_test(images_are_scaled),
      cmocka_unit_test(png_beside_pgm),
      cmocka_unit_test(which_label_counts),
      cmocka_unit_test(many_samples),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
