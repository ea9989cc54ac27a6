/* public: what a public header declares is explained: a comment stands above it in the same
 * paragraph, or beside it. A name without a body (typedef struct ddla_graph ddla_graph) is
 * explained by the head of the file. */
#include <string.h>

#include "tidy.h"

static bool is_blank(const tidy_file *file, int line) {
  const char *start = file->lines[line - 1];
  return strspn(start, " \t") == strcspn(start, "\n");
}

static bool has_comment(const tidy_file *file, int line) {
  const char *start = file->lines[line - 1];
  const size_t length = strcspn(start, "\n");
  return memmem(start, length, "/*", 2) || memmem(start, length, "*/", 2);
}

/* From the declaration upwards to the blank line before it. */
static bool is_explained(const tidy_file *file, const tidy_item *item) {
  const int last = file->tokens[item->last].line;
  for (int line = file->tokens[item->first].line; line >= 1 && !is_blank(file, line); line--)
    if (has_comment(file, line)) return true;
  return has_comment(file, last);
}

static bool has_body(const tidy_file *file, const tidy_item *item) {
  for (int i = item->first; i <= item->last; i++)
    if (tidy_is(&file->tokens[i], "{") || tidy_is(&file->tokens[i], "(")) return true;
  return false;
}

/* The name that a prototype or typedef gives. */
static char *name_of(const tidy_file *file, const tidy_item *item) {
  if (item->kind == TIDY_PROTOTYPE) return tidy_token_text(file, item->name);
  for (int i = item->first; i < item->last; i++)
    if (tidy_is(&file->tokens[i], "(") && tidy_is(&file->tokens[i + 1], "*"))
      return tidy_token_text(file, i + 2);
  return tidy_token_text(file, item->last - 1);
}

static void check(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  const bool wanted = (item->kind == TIDY_PROTOTYPE && item->name >= 0) ||
                      (item->kind == TIDY_TYPEDEF && has_body(file, item));
  if (!wanted || is_explained(file, item)) return;
  char *name = name_of(file, item);
  tidy_report(tree, &(tidy_finding){file->path, "public", name,
                                    tidy_text("%s is public and not explained; say shapes, units, "
                                              "owner, threads and errors above it",
                                              name),
                                    file->tokens[item->first].line});
}

void tidy_rule_public(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    if (strcmp(file->area, "include") != 0 || strcmp(file->extension, ".h") != 0) continue;
    for (int k = 0; k < file->item_count; k++) check(tree, file, &file->items[k]);
  }
}
