/* For private.sh: looks for a record of uint8 in files, as it is and as the numbers that a model
 * without standardising gets of it.
 *   search find RECORD FILE...   status 0: in none; 1: in one, which is named
 *   search numbers RECORD        writes the numbers
 * A stretch of a record is enough: every WINDOW values of it are looked for. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/augment.h"

enum { WINDOW = 16, MOST_BYTES = 1 << 30 };

typedef struct bytes {
  char *at;
  size_t count;
} bytes;

static bytes read_file(const char *path) {
  bytes made = {0};
  if (ddla_file_read(&made.at, &made.count, path, MOST_BYTES) == DDLA_OK) return made;
  fprintf(stderr, "%s\n", ddla_status_message(DDLA_IO));
  exit(3);
}

static bytes numbers_of(bytes record) {
  bytes made = {.at = calloc(record.count, sizeof(float)), .count = record.count * sizeof(float)};
  const ddla_data_shape shape = {1, (int64_t)record.count, 1};
  if (!made.at) exit(3);
  ddla_augment_fill((float *)(void *)made.at, record.at, DDLA_DATA_UINT8, shape, NULL);
  return made;
}

static int has(bytes file, bytes what, size_t window) {
  for (size_t at = 0; at + window <= what.count; at += window)
    if (memmem(file.at, file.count, what.at + at, window)) return 1;
  return 0;
}

static int find(bytes record, int count, char **paths) {
  const bytes numbers = numbers_of(record);
  for (int i = 0; i < count; i++) {
    const bytes file = read_file(paths[i]);
    const int raw = has(file, record, WINDOW), made = has(file, numbers, WINDOW * sizeof(float));
    ddla_free(file.at);
    if (!raw && !made) continue;
    printf("%s: %s\n", paths[i], raw ? "as it is" : "as numbers");
    return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return 3;
  const bytes record = read_file(argv[2]);
  if (strcmp(argv[1], "find") == 0) return find(record, argc - 3, argv + 3);
  const bytes numbers = numbers_of(record);
  return fwrite(numbers.at, 1, numbers.count, stdout) == numbers.count ? 0 : 3;
}
