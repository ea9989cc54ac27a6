/* Runs a target on the files named on the command line, and on every cut of each of them that
 * matters most: after 0 to 64 bytes, and at seven places further on. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fuzz.h"

enum { INPUT_BYTES_MAX = 1 << 20, CUTS = 8, SHORT = 64 };

/* In memory of exactly that size, so that a sanitizer sees a read past the end. */
static void run(const char *data, size_t bytes) {
  uint8_t *exact = malloc(bytes ? bytes : 1);
  if (!exact) exit(5);
  memcpy(exact, data, bytes);
  LLVMFuzzerTestOneInput(exact, bytes);
  free(exact);
}

static int run_file(const char *path) {
  char *data = NULL;
  size_t bytes = 0;
  ddla_status status = ddla_file_read(&data, &bytes, path, INPUT_BYTES_MAX);
  if (status != DDLA_OK) {
    fprintf(stderr, "%s\n", ddla_status_message(status));
    return 1;
  }
  run(data, bytes);
  for (size_t cut = 0; cut < bytes && cut < SHORT; cut++) run(data, cut);
  for (size_t i = 1; bytes > SHORT && i < CUTS; i++) run(data, bytes * i / CUTS);
  ddla_free(data);
  return 0;
}

int main(int argc, char **argv) {
  int failed = 0, files = 0;
  for (int i = 1; i < argc; i++) {
    DIR *corpus = opendir(argv[i]);
    if (!corpus) {
      perror(argv[i]);
      return 1;
    }
    for (const struct dirent *entry = readdir(corpus); entry; entry = readdir(corpus)) {
      char path[512];
      if (entry->d_name[0] == '.') continue;
      snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
      failed |= run_file(path);
      files++;
    }
    closedir(corpus);
  }
  printf("%d files\n", files);
  return failed || files == 0;
}
