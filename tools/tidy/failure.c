/* failure: a failure is made only by DDLA_FAIL, so that it always has words and a place; the one
 * label that code jumps to is cleanup. */
#include <string.h>

#include "tidy.h"

static void report(tidy_tree *tree, const tidy_file *file, int token, const char *text) {
  char *word = tidy_token_text(file, token);
  tidy_report(tree, &(tidy_finding){file->path, "failure", word, text, file->tokens[token].line});
}

enum { CODES_MAX = 64 };

/* The codes in include/ddla/status.h: lines "X(NAME, ..." of the list, OK left out. */
static void read_codes(const tidy_tree *tree, const char **codes) {
  int count = 0;
  const tidy_file *file = tidy_tree_find(tree, "include/ddla/status.h");
  for (int i = 0; file && i + 2 < file->token_count && count < CODES_MAX - 1; i++) {
    const tidy_token *token = &file->tokens[i];
    bool row = tidy_is(token, "X") && tidy_is(token + 1, "(") && token[2].kind == TIDY_NAME;
    if (!row || tidy_is(token + 2, "OK")) continue;
    codes[count++] = tidy_text("DDLA_%s", tidy_token_text(file, i + 2));
  }
}

static bool is_made_here(const tidy_file *file, int i) {
  if (i == 0) return false;
  const tidy_token *before = &file->tokens[i - 1];
  if (tidy_is(before, "return") || tidy_is(before, "=") || tidy_is(before, "?")) return true;
  return tidy_is(before, ":") && i > 1 && !tidy_is(before - 1, "default");
}

/* return 1; in a function that returns ddla_status. */
static void check_numbers(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  if (item->kind != TIDY_FUNCTION || item->name < 1) return;
  if (!tidy_is(&file->tokens[item->name - 1], "ddla_status")) return;
  for (int i = item->body; i < item->last; i++) {
    if (!tidy_is(&file->tokens[i], "return")) continue;
    int value = tidy_is(&file->tokens[i + 1], "-") ? i + 2 : i + 1;
    if (file->tokens[value].kind == TIDY_NUMBER)
      report(tree, file, value,
             "a number returned as a status; write DDLA_OK or return DDLA_FAIL(...)");
  }
}

static void check_tokens(tidy_tree *tree, const tidy_file *file, const char *const *codes) {
  for (int i = 0; i + 1 < file->token_count; i++) {
    const tidy_token *token = &file->tokens[i];
    if (token->kind != TIDY_NAME) continue;
    if (tidy_is(token, "goto") && !tidy_is(token + 1, "cleanup"))
      report(tree, file, i + 1, "goto another label than cleanup; split the function");
    if (tidy_is(token, "ddla_status_fail") && tidy_is(token + 1, "("))
      report(tree, file, i, "called by hand; write DDLA_FAIL, which stores file and line");
    if (!tidy_starts(token->start, "DDLA_") || !is_made_here(file, i)) continue;
    char *word = tidy_token_text(file, i);
    if (tidy_one_of(word, codes))
      report(tree, file, i,
             tidy_text("%s without words; write return DDLA_FAIL(%s, \"what, where, what to do\")",
                       word, word + strlen("DDLA_")));
  }
}

void tidy_rule_failure(tidy_tree *tree) {
  const char *codes[CODES_MAX] = {0};
  read_codes(tree, codes);
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    bool source = strcmp(file->area, "src") == 0 && file->is_c && !file->is_test;
    bool maker = tidy_starts(file->path, "src/base/status.");
    if (!source || maker) continue;
    check_tokens(tree, file, codes);
    for (int k = 0; k < file->item_count; k++) check_numbers(tree, file, &file->items[k]);
  }
}
