/* Small prepared sets for tests. */
#ifndef DDLA_DATA_PREPARED_TEST_PREPARED_H
#define DDLA_DATA_PREPARED_TEST_PREPARED_H

#include <dirent.h>

#include "data/prepared/prepared.h"
#include "data/test_files.h"

/* Images of 28 x 28 with labels 0, 1, 2, 0, …, and numbers that differ from each other. */
static inline ddla_dataset *open_images(const char *name, uint32_t count) {
  char path[64], labels_path[64];
  size_t length = 0;
  ddla_dataset *set = NULL;
  snprintf(path, sizeof path, "%s-images-idx3-ubyte", name);
  snprintf(labels_path, sizeof labels_path, "%s-labels-idx1-ubyte", name);
  uint8_t *bytes = idx_bytes(&length, 3, (const uint32_t[]){count, 28, 28}, 3, 7);
  for (uint32_t i = 0; i < count; i++)
    bytes[16 + i * 784] = (uint8_t)i; /* else all 64th are alike */
  write_file(path, bytes, length);
  free(bytes);
  bytes = idx_bytes(&length, 1, (const uint32_t[]){count}, 0, 1);
  for (uint32_t i = 0; i < count; i++) bytes[8 + i] = (uint8_t)(i % 3);
  write_file(labels_path, bytes, length);
  free(bytes);
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = test_path(path)}));
  return set;
}

/* Writes a set as the training part of a directory of the test's folder; returns its path. */
static inline const char *prepare(const char *name, ddla_dataset *set,
                                  const ddla_prepared_options *options) {
  ddla_dataset *const sets[DDLA_PREPARED_PARTS] = {set, NULL, NULL};
  const char *path = test_path(name);
  nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  CHECK_OK(ddla_prepared_write(path, sets, options));
  return path;
}

static inline ddla_dataset *open_prepared(const char *path) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = path}));
  return set;
}

/* Changes one byte of a file by XOR. */
static inline void flip(const char *path, long offset, int bits) {
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, offset, SEEK_SET), 0);
  const int byte = fgetc(file);
  assert_int_not_equal(byte, EOF);
  assert_int_equal(fseek(file, offset, SEEK_SET), 0);
  assert_int_equal(fputc(byte ^ bits, file), (byte ^ bits) & 0xff);
  assert_int_equal(fclose(file), 0);
}

static inline long file_bytes(const char *path) {
  struct stat state = {0};
  assert_int_equal(stat(path, &state), 0);
  return (long)state.st_size;
}

/* Both sets have the same samples, labels, class names and fingerprint. */
static inline void check_same(const ddla_dataset *a, const ddla_dataset *b) {
  const ddla_data_shape x = ddla_dataset_shape(a), y = ddla_dataset_shape(b);
  assert_int_equal(ddla_dataset_type(a), ddla_dataset_type(b));
  assert_int_equal(ddla_dataset_count(a), ddla_dataset_count(b));
  assert_memory_equal(&x, &y, sizeof x);
  assert_int_equal(ddla_dataset_targets(a), ddla_dataset_targets(b));
  assert_int_equal(ddla_dataset_classes(a), ddla_dataset_classes(b));
  for (int c = 0; c < ddla_dataset_classes(a); c++)
    assert_string_equal(ddla_dataset_class_name(a, c), ddla_dataset_class_name(b, c));
  static const size_t sizes[] = {1, sizeof(float), sizeof(uint16_t)};
  const size_t bytes = (size_t)(x.height * x.width * x.channels) * sizes[ddla_dataset_type(a)];
  for (int64_t i = 0; i < ddla_dataset_count(a); i++) {
    assert_memory_equal(ddla_dataset_features(a, i), ddla_dataset_features(b, i), bytes);
    assert_int_equal(ddla_dataset_label(a, i), ddla_dataset_label(b, i));
  }
  const ddla_data_fingerprint p = ddla_dataset_fingerprint(a), q = ddla_dataset_fingerprint(b);
  assert_memory_equal(&p, &q, sizeof p);
}

#endif
