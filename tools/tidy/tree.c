#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tidy.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static bool is_skipped(const char *path, const char *name) {
  if (strcmp(name, ".ci") == 0) return false;
  if (name[0] == '.') return true;
  return tidy_starts(path, "build") || tidy_starts(path, "runs") ||
         tidy_ends(path, "tidy/fixtures");
}

/* Null for what is not text or too large to have been written by hand. */
static char *read_text(const char *place, size_t *bytes) {
  FILE *stream = fopen(place, "rb");
  if (!stream) return NULL;
  char *text = tidy_new(FILE_BYTES_MAX + 1, 1);
  *bytes = fread(text, 1, FILE_BYTES_MAX + 1, stream);
  fclose(stream);
  if (*bytes > FILE_BYTES_MAX || memchr(text, 0, *bytes)) {
    free(text);
    return NULL;
  }
  char *fitted = tidy_copy(text, *bytes);
  free(text);
  return fitted;
}

static void cut_lines(tidy_file *file) {
  const char *end = file->text + file->bytes;
  for (const char *at = file->text; at < end; file->line_count++) {
    file->lines = tidy_grow(file->lines, file->line_count, sizeof *file->lines);
    file->lines[file->line_count] = at;
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    at = newline ? newline + 1 : end;
  }
}

static void name_parts(tidy_file *file) {
  const char *slash = strrchr(file->path, '/');
  file->name = slash ? slash + 1 : file->path;
  const char *dot = strrchr(file->name, '.');
  file->extension = dot ? dot : "";
  file->stem = tidy_copy(file->name, dot ? (size_t)(dot - file->name) : strlen(file->name));
  const char *first = strchr(file->path, '/');
  file->area = first ? tidy_copy(file->path, (size_t)(first - file->path)) : "";
  const char *second = first ? strchr(first + 1, '/') : NULL;
  file->folder = second ? tidy_copy(first + 1, (size_t)(second - first - 1)) : "";
  file->is_c = strcmp(file->extension, ".c") == 0 || strcmp(file->extension, ".h") == 0;
  file->is_test = tidy_ends(file->stem, "_test") || tidy_starts(file->stem, "test_") ||
                  strcmp(file->area, "tests") == 0;
}

static void add_file(tidy_tree *tree, const char *place, const char *path) {
  size_t bytes = 0;
  char *text = read_text(place, &bytes);
  if (!text) return;
  tidy_file file = {.path = tidy_copy(path, strlen(path)), .text = text, .bytes = bytes};
  name_parts(&file);
  cut_lines(&file);
  if (file.is_c) {
    tidy_lex(&file);
    tidy_items(&file);
  }
  tree->files = tidy_grow(tree->files, tree->file_count, sizeof *tree->files);
  tree->files[tree->file_count++] = file;
}

static bool walk(tidy_tree *tree, const char *below) {
  char *place = tidy_text("%s/%s", tree->root, below);
  DIR *folder = opendir(place);
  if (!folder) {
    fprintf(stderr, "ddla_tidy: cannot read %s: %s\n", place, strerror(errno));
    return false;
  }
  bool good = true;
  for (struct dirent *entry; good && (entry = readdir(folder));) {
    char *path = tidy_text("%s%s%s", below, below[0] ? "/" : "", entry->d_name);
    if (is_skipped(path, entry->d_name)) continue;
    char *full = tidy_text("%s/%s", tree->root, path);
    struct stat facts;
    if (lstat(full, &facts) != 0) continue;
    if (S_ISDIR(facts.st_mode)) good = walk(tree, path);
    if (S_ISREG(facts.st_mode)) add_file(tree, full, path);
  }
  closedir(folder);
  return good;
}

static int by_path(const void *left, const void *right) {
  return strcmp(((const tidy_file *)left)->path, ((const tidy_file *)right)->path);
}

bool tidy_tree_read(tidy_tree *out, const char *root) {
  *out = (tidy_tree){.root = root};
  if (!walk(out, "")) return false;
  qsort(out->files, (size_t)out->file_count, sizeof *out->files, by_path);
  return true;
}

const tidy_file *tidy_tree_find(const tidy_tree *tree, const char *path) {
  tidy_file key = {.path = path};
  return bsearch(&key, tree->files, (size_t)tree->file_count, sizeof *tree->files, by_path);
}
