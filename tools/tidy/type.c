/* type: no typedef ends in _t or hides a pointer; a type of a public header is called ddla_... */
#include <string.h>

#include "tidy.h"

static void report(tidy_tree *tree, const tidy_file *file, int token, const char *text) {
  char *name = tidy_token_text(file, token);
  tidy_report(tree, &(tidy_finding){file->path, "type", name, text, file->tokens[token].line});
}

/* The token with the new name: after "(*" for a function pointer, else the last name before ";" or
 * "[". */
static int typedef_name(const tidy_file *file, const tidy_item *item, bool *function) {
  int name = -1;
  *function = false;
  for (int i = item->first; i < item->last; i++) {
    const tidy_token *token = &file->tokens[i];
    if (token->directive) continue;
    if (tidy_is(token, "{")) i = tidy_match(file, i);
    else if (tidy_is(token, "(")) {
      *function = true;
      return tidy_is(token + 1, "*") ? i + 2 : name;
    } else if (tidy_is(token, "[")) return name;
    else if (token->kind == TIDY_NAME) name = i;
  }
  return name;
}

static void check(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  bool function = false;
  int token = typedef_name(file, item, &function);
  if (token < 0) return;
  char *name = tidy_token_text(file, token);
  if (tidy_ends(name, "_t"))
    report(tree, file, token, tidy_text("%s: the ending _t is the system's; drop it", name));
  if (!function && tidy_is(&file->tokens[token - 1], "*"))
    report(tree, file, token,
           tidy_text("%s hides a pointer; typedef the struct and write the *", name));
  bool header = strcmp(file->extension, ".h") == 0;
  if (header && strcmp(file->area, "include") == 0 && !tidy_starts(name, "ddla_"))
    report(tree, file, token, tidy_text("type %s in a public header; call it ddla_%s", name, name));
}

void tidy_rule_type(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++)
    for (int k = 0; k < tree->files[i].item_count; k++)
      if (tree->files[i].items[k].kind == TIDY_TYPEDEF)
        check(tree, &tree->files[i], &tree->files[i].items[k]);
}
