/* word: text that must not occur anywhere in the tree, one line "text WORDS: why" in words.txt. A
 * plus sign there joins the halves of a word, so that the list does not hold what it refuses. */
#include <string.h>

#include "tidy.h"

static char *join(const char *start, size_t length) {
  char *out = tidy_new(length + 1, 1);
  size_t used = 0;
  for (size_t i = 0; i < length; i++)
    if (start[i] != '+') out[used++] = start[i];
  return out;
}

static int line_of(const tidy_file *file, const char *at) {
  int line = 1;
  while (line < file->line_count && file->lines[line] <= at) line++;
  return line;
}

static void check(tidy_tree *tree, const tidy_file *file, const char *word, const char *why) {
  for (const char *at = file->text; (at = strstr(at, word)); at++) {
    char *text = tidy_text("'%s': %s", word, why);
    tidy_report(tree, &(tidy_finding){file->path, "word", word, text, line_of(file, at)});
  }
}

void tidy_rule_word(tidy_tree *tree) {
  const tidy_file *list = tidy_tree_find(tree, "tools/tidy/words.txt");
  for (int i = 0; list && i < list->line_count; i++) {
    char *line = tidy_copy(list->lines[i], strcspn(list->lines[i], "\n"));
    char *colon = strstr(line, ": ");
    if (!tidy_starts(line, "text ") || !colon) continue;
    char *word = join(line + 5, (size_t)(colon - line) - 5);
    for (int k = 0; word[0] && k < tree->file_count; k++)
      check(tree, &tree->files[k], word, colon + 2);
  }
}
