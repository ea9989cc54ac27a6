/* Small files for tests: a folder of their own under TMPDIR, removed at the end. Failures assert.
 */
#ifndef DDLA_DATA_TEST_FILES_H
#define DDLA_DATA_TEST_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <ftw.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

static char test_folder[256];

static inline int remove_entry(const char *path, const struct stat *state, int kind,
                               struct FTW *at) {
  (void)state, (void)kind, (void)at;
  return remove(path);
}

/* cmocka group set-up and tear-down */
static inline int make_test_folder(void **state) {
  (void)state;
  const char *root = getenv("TMPDIR");
  snprintf(test_folder, sizeof test_folder, "%s/ddla_data_XXXXXX", root ? root : "/tmp");
  return mkdtemp(test_folder) ? 0 : -1;
}

static inline int remove_test_folder(void **state) {
  (void)state;
  return nftw(test_folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Path of a name in the folder; one of 256 buffers in turn. */
static inline const char *test_path(const char *name) {
  static char paths[256][512];
  static int turn;
  char *path = paths[turn++ % 256];
  snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
  return path;
}

static inline const char *write_file(const char *name, const void *bytes, size_t length) {
  const char *path = test_path(name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, length, file), length);
  assert_int_equal(fclose(file), 0);
  return path;
}

static inline const char *write_text(const char *name, const char *text) {
  return write_file(name, text, strlen(text));
}

static inline const char *make_directory(const char *name) {
  const char *path = test_path(name);
  assert_int_equal(mkdir(path, 0777), 0);
  return path;
}

/* Gzip of bytes; free it. */
static inline uint8_t *gzip_bytes(size_t *zipped_length, const void *bytes, size_t length) {
  struct libdeflate_compressor *deflater = libdeflate_alloc_compressor(6);
  assert_non_null(deflater);
  size_t room = libdeflate_gzip_compress_bound(deflater, length);
  uint8_t *zipped = malloc(room);
  assert_non_null(zipped);
  *zipped_length = libdeflate_gzip_compress(deflater, bytes, length, zipped, room);
  assert_true(*zipped_length > 0);
  libdeflate_free_compressor(deflater);
  return zipped;
}

static inline const char *write_gzip(const char *name, const void *bytes, size_t length) {
  size_t zipped_length = 0;
  uint8_t *zipped = gzip_bytes(&zipped_length, bytes, length);
  const char *path = write_file(name, zipped, zipped_length);
  free(zipped);
  return path;
}

/* IDX of bytes: header and values, value i is (uint8_t)(first + i * step). Free it. */
static inline uint8_t *idx_bytes(size_t *length, int dimensions, const uint32_t *sizes, int first,
                                 int step) {
  size_t values = 1, head = 4 + 4 * (size_t)dimensions;
  for (int d = 0; d < dimensions; d++) values *= sizes[d];
  uint8_t *bytes = calloc(head + values, 1);
  assert_non_null(bytes);
  bytes[2] = 0x08;
  bytes[3] = (uint8_t)dimensions;
  for (int d = 0; d < dimensions; d++)
    for (int b = 0; b < 4; b++) bytes[4 + 4 * d + b] = (uint8_t)(sizes[d] >> (24 - 8 * b));
  for (size_t i = 0; i < values; i++) bytes[head + i] = (uint8_t)((size_t)first + i * (size_t)step);
  *length = head + values;
  return bytes;
}

/* The failure must have this code and its message every one of the words (up to a null). */
static inline void check_failure(ddla_status status, ddla_status expected,
                                 const char *const *words) {
  const char *message = ddla_status_message(status);
  if (status != expected)
    fail_msg("%s, not %s: %s", ddla_status_name(status), ddla_status_name(expected), message);
  for (int i = 0; words[i]; i++)
    if (!strstr(message, words[i])) fail_msg("\"%s\" is not in: %s", words[i], message);
}
#define CHECK_FAILURE(status, code, ...)                                                           \
  check_failure(status, DDLA_##code, (const char *const[]){__VA_ARGS__, NULL})

#define CHECK_OK(expression)                                                                       \
  do {                                                                                             \
    ddla_status check_status = (expression);                                                       \
    if (check_status != DDLA_OK) fail_msg("%s", ddla_status_message(check_status));                \
  } while (0)

#endif
