/* space: no tab, no blank at a line's end, no carriage return, a newline at the end of the file. */
#include <string.h>

#include "tidy.h"

static void report(tidy_tree *tree, const tidy_file *file, int line, const char *text) {
  tidy_report(tree, &(tidy_finding){file->path, "space", "", text, line});
}

static bool is_checked(const tidy_file *file) {
  static const char *const others[] = {".sh", ".cmake", ".yaml", ".json", ".txt", NULL};
  return file->is_c || tidy_one_of(file->extension, others);
}

static void check(tidy_tree *tree, const tidy_file *file) {
  for (int line = 0; line < file->line_count; line++) {
    const char *start = file->lines[line];
    size_t length = strcspn(start, "\n");
    if (memchr(start, '\t', length)) report(tree, file, line + 1, "a tab; write spaces");
    if (memchr(start, '\r', length))
      report(tree, file, line + 1, "a carriage return; end lines with a newline");
    if (length > 0 && start[length - 1] == ' ')
      report(tree, file, line + 1, "blanks at the end of the line");
  }
  if (file->bytes > 0 && file->text[file->bytes - 1] != '\n')
    report(tree, file, file->line_count, "no newline at the end of the file");
}

void tidy_rule_space(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++)
    if (is_checked(&tree->files[i])) check(tree, &tree->files[i]);
}
