/* row: a list header and the files beside it agree. Every row MACRO(name) or MACRO(group, name) has
 * its file, every source file is built (a row, or named in the CMakeLists.txt of its folder), every
 * test is run. */
#include <ctype.h>
#include <string.h>

#include "tidy.h"

static void report(tidy_tree *tree, const char *path, int line, const char *text) {
  tidy_report(tree, &(tidy_finding){path, "row", "", text, line});
}

static bool is_word_end(char c) { return c == '\0' || isspace((unsigned char)c) || c == ')'; }

/* Whether text has this word with space or a bracket on both sides. */
static bool has_word(const char *text, const char *word) {
  size_t length = strlen(word);
  for (const char *at = text; (at = strstr(at, word)); at += length) {
    bool start = at == text || isspace((unsigned char)at[-1]) || at[-1] == '(' || at[-1] == '/';
    if (start && is_word_end(at[length])) return true;
  }
  return false;
}

/* The macro that stands after the list's name in the folder's CMakeLists.txt; null if there is
 * none. */
static char *macro_of(const tidy_file *build, const char *list) {
  const char *at = build ? build->text : "";
  size_t length = strlen(list);
  while ((at = strstr(at, list))) {
    at += length;
    if (!isspace((unsigned char)*at)) continue;
    at += strspn(at, " \t\n");
    return tidy_copy(at, strcspn(at, " \t\n)"));
  }
  return NULL;
}

static const tidy_file *build_of(const tidy_tree *tree, const tidy_file *file) {
  const tidy_file *build = NULL;
  char *path = tidy_copy(file->path, strlen(file->path));
  for (char *slash; !build && (slash = strrchr(path, '/'));) {
    *slash = '\0';
    build = tidy_tree_find(tree, tidy_text("%s/CMakeLists.txt", path));
  }
  return build;
}

/* "DDLA_KERNEL(plain, conv2d) ..." -> "plain/conv2d"; null for another line. */
static char *row_file(const char *line, const char *macro) {
  line += strspn(line, " ");
  size_t length = strlen(macro);
  if (strncmp(line, macro, length) != 0 || line[length] != '(') return NULL;
  char *out = tidy_new(256, 1);
  size_t used = 0;
  for (line += length + 1; *line && !strchr(")\n", *line) && used < 255; line++)
    if (*line != ' ') out[used++] = *line == ',' ? '/' : *line;
  return out;
}

static char *folder_of(const tidy_file *file) {
  size_t length = strlen(file->path) - strlen(file->name);
  return tidy_copy(file->path, length);
}

static void check_list(tidy_tree *tree, const tidy_file *list) {
  char *macro = macro_of(build_of(tree, list), list->name);
  if (!macro) {
    report(tree, list->path, 1,
           "no ROWS in the folder's CMakeLists.txt names this list and its macro");
    return;
  }
  for (int i = 0; i < list->line_count; i++) {
    char *row = row_file(list->lines[i], macro);
    if (!row) continue;
    char *path = tidy_text("%s%s.c", folder_of(list), row);
    if (!tidy_tree_find(tree, path))
      report(tree, list->path, i + 1, tidy_text("this row needs the file %s", path));
  }
}

static bool is_row(const tidy_tree *tree, const tidy_file *source) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *list = &tree->files[i];
    if (!tidy_ends(list->name, "_list.h")) continue;
    char *folder = folder_of(list);
    char *macro =
        tidy_starts(source->path, folder) ? macro_of(build_of(tree, list), list->name) : NULL;
    for (int k = 0; macro && k < list->line_count; k++) {
      char *row = row_file(list->lines[k], macro);
      if (row && strcmp(source->path, tidy_text("%s%s.c", folder, row)) == 0) return true;
    }
  }
  return false;
}

static void check_source(tidy_tree *tree, const tidy_file *source) {
  const tidy_file *build = build_of(tree, source);
  if (build && has_word(build->text, source->name)) return;
  if (is_row(tree, source)) return;
  report(tree, source->path, 1,
         source->is_test ? "never run; name it in the folder's CMakeLists.txt"
                         : "never built; give it a row in its list, or a place among SOURCES");
}

void tidy_rule_row(tidy_tree *tree) {
  int count = tree->file_count;
  for (int i = 0; i < count; i++) {
    const tidy_file *file = &tree->files[i];
    bool ours = strcmp(file->area, "src") == 0 || strcmp(file->area, "tests") == 0 ||
                strcmp(file->area, "tools") == 0;
    if (!ours) continue;
    if (tidy_ends(file->name, "_list.h")) check_list(tree, file);
    if (strcmp(file->extension, ".c") == 0) check_source(tree, file);
  }
}
