/* todo: work left for later has an issue's number on the same line. */
#include <ctype.h>
#include <string.h>

#include "tidy.h"

static bool has_issue(const char *line, size_t length) {
  for (size_t i = 0; i + 1 < length; i++)
    if (line[i] == '#' && isdigit((unsigned char)line[i + 1])) return true;
  return false;
}

static void check(tidy_tree *tree, const tidy_file *file, const tidy_comment *comment) {
  static const char *const marks[] = {"TODO", "FIXME", "XXX", NULL};
  int line = comment->line;
  for (const char *at = comment->start, *end = at + comment->length; at < end; line++) {
    size_t length = strcspn(at, "\n");
    if (length > (size_t)(end - at)) length = (size_t)(end - at);
    char *text = tidy_copy(at, length);
    for (const char *const *mark = marks; *mark; mark++) {
      if (!strstr(text, *mark) || has_issue(text, length)) continue;
      char *words =
          tidy_text("%s without an issue; write #NUMBER on the line, or do it now", *mark);
      tidy_report(tree, &(tidy_finding){file->path, "todo", "", words, line});
    }
    at += length + 1;
  }
}

void tidy_rule_todo(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++)
    for (int k = 0; k < tree->files[i].comment_count; k++)
      check(tree, &tree->files[i], &tree->files[i].comments[k]);
}
