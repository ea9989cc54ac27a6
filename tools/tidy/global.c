/* global: no variable of src/ lives beside the functions unless it is const. A function's static
 * local counts too. What is allowed (the thread's failure, the log sink, the allocator) stands in
 * exceptions.txt. */
#include <string.h>

#include "tidy.h"

/* From first to name: const after the last star, or const anywhere if there is no star. */
static bool is_const(const tidy_file *file, int first, int name) {
  bool found = false;
  for (int i = first; i < name; i++) {
    if (tidy_is(&file->tokens[i], "{")) i = tidy_match(file, i);
    if (tidy_is(&file->tokens[i], "const")) found = true;
    if (tidy_is(&file->tokens[i], "*")) found = false;
  }
  return found;
}

static void report(tidy_tree *tree, const tidy_file *file, int name) {
  char *word = tidy_token_text(file, name);
  char *text =
      tidy_text("'%s' is a variable that everybody shares; pass it in, or make it const", word);
  tidy_report(tree, &(tidy_finding){file->path, "global", word, text, file->tokens[name].line});
}

static int local_name(const tidy_file *file, int first) {
  int i = first;
  while (i + 1 < file->token_count && !tidy_is(&file->tokens[i + 1], "=") &&
         !tidy_is(&file->tokens[i + 1], ";") && !tidy_is(&file->tokens[i + 1], "["))
    i++;
  return i;
}

static void check_locals(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  for (int i = item->body; i < item->last; i++) {
    bool lasting =
        tidy_is(&file->tokens[i], "static") || tidy_is(&file->tokens[i], "_Thread_local");
    if (!lasting) continue;
    int name = local_name(file, i);
    if (!is_const(file, i, name)) report(tree, file, name);
    i = name;
  }
}

static void check(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  if (item->kind == TIDY_FUNCTION) check_locals(tree, file, item);
  if (item->kind != TIDY_VARIABLE || item->name < 0) return;
  if (tidy_is(&file->tokens[item->first], "extern")) return;
  if (!is_const(file, item->first, item->name)) report(tree, file, item->name);
}

void tidy_rule_global(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    if (strcmp(file->area, "src") != 0 || file->is_test) continue;
    for (int k = 0; k < file->item_count; k++) check(tree, file, &file->items[k]);
  }
}
