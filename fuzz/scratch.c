#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

enum { NAMES = 8, PATH_BYTES = 512 };

static char folder[PATH_BYTES / 2];
static char paths[NAMES][PATH_BYTES];

_Noreturn void fuzz_broken(const char *file, int line, const char *condition) {
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
  abort();
}

static int remove_entry(const char *path, const struct stat *state, int kind, struct FTW *at) {
  (void)state;
  (void)kind;
  (void)at;
  return remove(path);
}

static void remove_folder(void) { nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

const char *fuzz_folder(void) {
  if (folder[0]) return folder;
  const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(folder, sizeof folder, "%s/ddla-fuzz-XXXXXX", base);
  if (!mkdtemp(folder)) {
    perror(folder);
    exit(1);
  }
  atexit(remove_folder);
  return folder;
}

static char *path_of(const char *name) {
  for (int i = 0; i < NAMES; i++) {
    size_t length = strlen(fuzz_folder());
    if (paths[i][0] && strcmp(paths[i] + length + 1, name) != 0) continue;
    snprintf(paths[i], sizeof paths[i], "%s/%s", folder, name);
    return paths[i];
  }
  fuzz_broken(__FILE__, __LINE__, "few names");
}

static void make_folder_of(char *path) {
  char *slash = strrchr(path, '/');
  *slash = 0;
  mkdir(path, 0700);
  *slash = '/';
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t bytes) {
  char *path = path_of(name);
  make_folder_of(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes || close(fd) != 0) {
    perror(path);
    exit(1);
  }
  return path;
}
