/* size: lines of 100 columns, functions of 70 lines and 6 parameters, files of 800 lines, headers
 * of 300. */
#include <string.h>

#include "tidy.h"

enum {
  COLUMNS_MAX = 100,
  FUNCTION_LINES_MAX = 70,
  PARAMETERS_MAX = 6,
  FILE_LINES_MAX = 800,
  HEADER_LINES_MAX = 300
};

static void report(tidy_tree *tree, const tidy_file *file, int line, const char *subject,
                   const char *text) {
  tidy_report(tree, &(tidy_finding){file->path, "size", subject, text, line});
}

static int columns(const tidy_file *file, int line) {
  const char *end = line + 1 < file->line_count ? file->lines[line + 1] : file->text + file->bytes;
  int count = 0;
  for (const char *at = file->lines[line]; at < end && *at != '\n'; at++)
    if (((unsigned char)*at & 0xc0) != 0x80)
      count++; /* a continuation byte of UTF-8 takes no column */
  return count;
}

static int parameters(const tidy_file *file, const tidy_item *item) {
  int depth = 0, count = 1;
  if (item->parameters_close - item->parameters_open <= 1) return 0;
  for (int i = item->parameters_open; i < item->parameters_close; i++) {
    const tidy_token *token = &file->tokens[i];
    if (tidy_is(token, "(") || tidy_is(token, "[")) depth++;
    if (tidy_is(token, ")") || tidy_is(token, "]")) depth--;
    if (depth == 1 && tidy_is(token, ",") && !tidy_is(token + 1, ".")) count++;
  }
  return count;
}

static void check_item(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  if (item->kind != TIDY_FUNCTION && item->kind != TIDY_PROTOTYPE) return;
  if (item->name < 0) return;
  char *name = tidy_token_text(file, item->name);
  int first = file->tokens[item->name].line;
  int lines = file->tokens[item->last].line - first + 1;
  if (item->kind == TIDY_FUNCTION && lines > FUNCTION_LINES_MAX)
    report(tree, file, first, name,
           tidy_text("%s has %d lines, %d go; split it", name, lines, FUNCTION_LINES_MAX));
  int count = parameters(file, item);
  if (count > PARAMETERS_MAX)
    report(tree, file, first, name,
           tidy_text("%s has %d parameters, %d go; pass a struct", name, count, PARAMETERS_MAX));
}

void tidy_rule_size(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    if (!file->is_c) continue;
    for (int line = 0; line < file->line_count; line++)
      if (columns(file, line) > COLUMNS_MAX)
        report(tree, file, line + 1, "",
               tidy_text("%d columns, %d go; break the line", columns(file, line), COLUMNS_MAX));
    int limit = strcmp(file->extension, ".h") == 0 ? HEADER_LINES_MAX : FILE_LINES_MAX;
    if (file->line_count > limit)
      report(tree, file, limit + 1, "",
             tidy_text("%d lines, %d go; split the file", file->line_count, limit));
    for (int k = 0; k < file->item_count; k++) check_item(tree, file, &file->items[k]);
  }
}
