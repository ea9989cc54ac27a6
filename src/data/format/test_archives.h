/* Small archives of tar for tests. */
#ifndef DDLA_DATA_FORMAT_TEST_ARCHIVES_H
#define DDLA_DATA_FORMAT_TEST_ARCHIVES_H

#include "data/test_files.h"

/* An archive that is being put together; zero is empty. Free its bytes. */
typedef struct test_archive {
  uint8_t *bytes;
  size_t length;
} test_archive;

/* value in so many digits, and a zero behind them. */
static inline void tar_octal(uint8_t *field, int digits, size_t value) {
  for (int i = digits - 1; i >= 0; i--, value >>= 3) field[i] = (uint8_t)('0' + (value & 7));
  field[digits] = 0;
}

static inline void tar_sign(uint8_t *head) {
  unsigned sum = 0;
  memset(head + 148, ' ', 8);
  for (int i = 0; i < 512; i++) sum += head[i];
  tar_octal(head + 148, 6, sum);
}

/* Header of POSIX ustar. */
static inline void tar_header(uint8_t head[512], const char *name, size_t size, char type) {
  memset(head, 0, 512);
  assert_true(strlen(name) <= 100);
  memcpy(head, name, strlen(name));
  memcpy(head + 100, "0000644", 8);
  tar_octal(head + 124, 11, size);
  head[156] = (uint8_t)type;
  memcpy(head + 257,
         "ustar\0"
         "00",
         8);
  tar_sign(head);
}

static inline void tar_put(test_archive *archive, const void *bytes, size_t length) {
  archive->bytes = realloc(archive->bytes, archive->length + length + 1);
  assert_non_null(archive->bytes);
  if (length) memcpy(archive->bytes + archive->length, bytes, length);
  archive->length += length;
}

/* Content behind a header, filled up to whole blocks. */
static inline void tar_put_content(test_archive *archive, const void *content, size_t length) {
  static const uint8_t zeros[512];
  tar_put(archive, content, length);
  tar_put(archive, zeros, (512 - length % 512) % 512);
}

static inline void tar_add_kind(test_archive *archive, const char *name, const void *content,
                                size_t length, char type) {
  uint8_t head[512];
  tar_header(head, name, length, type);
  tar_put(archive, head, sizeof head);
  tar_put_content(archive, content, length);
}

static inline void tar_add(test_archive *archive, const char *name, const void *content,
                           size_t length) {
  tar_add_kind(archive, name, content, length, '0');
}

static inline void tar_add_text(test_archive *archive, const char *name, const char *text) {
  tar_add(archive, name, text, strlen(text));
}

/* A gray image of one value in PGM. */
static inline void tar_add_gray(test_archive *archive, const char *name, int value, int height,
                                int width) {
  char bytes[4096];
  int used = snprintf(bytes, sizeof bytes, "P5\n%d %d\n255\n", width, height);
  assert_true(used + height * width <= (int)sizeof bytes);
  memset(bytes + used, value, (size_t)(height * width));
  tar_add(archive, name, bytes, (size_t)(used + height * width));
}

static inline void tar_end(test_archive *archive) {
  static const uint8_t zeros[1024];
  tar_put(archive, zeros, sizeof zeros);
}

/* Ends the archive, writes it to a file of the test's folder and frees it. */
static inline const char *tar_write(test_archive *archive, const char *name) {
  tar_end(archive);
  const char *path = write_file(name, archive->bytes, archive->length);
  free(archive->bytes);
  *archive = (test_archive){0};
  return path;
}

#endif
