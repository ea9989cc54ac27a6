/* dropped: the status of a call is used. C cannot mark an enum must-use with every compiler, so the
 * calls are looked for here: a statement that is nothing but a call of a function that returns
 * ddla_status. Where the failure does not matter, (void) before the call says so. */
#include <stdlib.h>
#include <string.h>

#include "tidy.h"

typedef struct name_list {
  const char **names;
  int count;
} name_list;

static int by_name(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool returns_status(const tidy_file *file, const tidy_item *item) {
  if (item->kind != TIDY_FUNCTION && item->kind != TIDY_PROTOTYPE) return false;
  return item->name > 0 && tidy_is(&file->tokens[item->name - 1], "ddla_status");
}

static void add(name_list *list, const char *name) {
  list->names = tidy_grow(list->names, list->count, sizeof *list->names);
  list->names[list->count++] = name;
}

/* Static functions count in their own file only, others everywhere. */
static void collect(name_list *list, const tidy_file *file, bool only_static) {
  for (int k = 0; k < file->item_count; k++) {
    const tidy_item *item = &file->items[k];
    bool header = strcmp(file->extension, ".h") == 0;
    if (returns_status(file, item) && (item->is_static && !header) == only_static)
      add(list, tidy_token_text(file, item->name));
  }
}

/* Whether the ")" at this token closes if (...), while (...), for (...) or switch (...). */
static bool closes_condition(const tidy_file *file, int close) {
  int depth = 0;
  for (int i = close; i > 0; i--) {
    if (tidy_is(&file->tokens[i], ")")) depth++;
    if (!tidy_is(&file->tokens[i], "(") || --depth > 0) continue;
    const tidy_token *before = &file->tokens[i - 1];
    return tidy_is(before, "if") || tidy_is(before, "while") || tidy_is(before, "for");
  }
  return false;
}

static bool is_statement(const tidy_file *file, int call) {
  const tidy_token *before = &file->tokens[call - 1];
  int close = tidy_match(file, call + 1);
  if (close + 1 >= file->token_count || !tidy_is(&file->tokens[close + 1], ";")) return false;
  if (tidy_is(before, ")")) return closes_condition(file, call - 1);
  return tidy_is(before, ";") || tidy_is(before, "{") || tidy_is(before, "}") ||
         tidy_is(before, "else");
}

static bool is_in(const name_list *list, const char *name) {
  return list->count > 0 &&
         bsearch(&name, list->names, (size_t)list->count, sizeof *list->names, by_name) != NULL;
}

static void check(tidy_tree *tree, const tidy_file *file, const tidy_item *item,
                  const name_list lists[2]) {
  for (int i = item->body + 1; i < item->last; i++) {
    if (file->tokens[i].kind != TIDY_NAME || !tidy_is(&file->tokens[i + 1], "(")) continue;
    char *name = tidy_token_text(file, i);
    if ((!is_in(&lists[0], name) && !is_in(&lists[1], name)) || !is_statement(file, i)) continue;
    char *text =
        tidy_text("the status of %s is dropped; write DDLA_TRY(...), or (void) and why", name);
    tidy_report(tree, &(tidy_finding){file->path, "dropped", name, text, file->tokens[i].line});
  }
}

static void sort(name_list *list) {
  if (list->count > 0) qsort(list->names, (size_t)list->count, sizeof *list->names, by_name);
}

void tidy_rule_dropped(tidy_tree *tree) {
  name_list lists[2] = {0};
  for (int i = 0; i < tree->file_count; i++)
    if (!tree->files[i].is_test) collect(&lists[0], &tree->files[i], false);
  sort(&lists[0]);
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    lists[1].count = 0;
    collect(&lists[1], file, true);
    sort(&lists[1]);
    for (int k = 0; k < file->item_count; k++)
      if (file->items[k].kind == TIDY_FUNCTION) check(tree, file, &file->items[k], lists);
  }
}
