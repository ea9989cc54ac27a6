/* Cuts a C file into what stands at file scope. Not a parser: it knows this project's style, in
 * which a function's body is the brace that follows a closing parenthesis, and macros at file scope
 * look like calls. */
#include <string.h>

#include "tidy.h"

static bool is_open(const tidy_token *token) {
  return tidy_is(token, "(") || tidy_is(token, "[") || tidy_is(token, "{");
}

static bool is_close(const tidy_token *token) {
  return tidy_is(token, ")") || tidy_is(token, "]") || tidy_is(token, "}");
}

int tidy_match(const tidy_file *file, int open) {
  bool directive = file->tokens[open].directive;
  int depth = 0;
  for (int i = open; i < file->token_count; i++) {
    const tidy_token *token = &file->tokens[i];
    if (token->directive != directive) continue;
    if (is_open(token)) depth++;
    if (is_close(token) && --depth == 0) return i;
  }
  return file->token_count - 1;
}

static bool is_attribute(const tidy_token *token) {
  return tidy_is(token, "__attribute__") || tidy_is(token, "_Alignas") ||
         tidy_is(token, "_Static_assert") || tidy_is(token, "DDLA_PRINTF");
}

/* The last ")" before a body belongs to the parameters; the name stands before its "(". */
static void name_function(const tidy_file *file, tidy_item *item, int close) {
  int depth = 0;
  for (int i = close; i >= item->first; i--) {
    if (file->tokens[i].directive) continue;
    if (is_close(&file->tokens[i])) depth++;
    if (is_open(&file->tokens[i]) && --depth == 0) {
      item->parameters_open = i;
      item->parameters_close = close;
      item->name = i > item->first ? i - 1 : -1;
      return;
    }
  }
}

/* After a ";": a typedef, a prototype, a variable, or something else (a type, a static assertion).
 */
static void classify(const tidy_file *file, tidy_item *item) {
  int previous = -1;
  for (int i = item->first; i < item->last; i++) {
    const tidy_token *token = &file->tokens[i];
    if (token->directive) continue;
    if (tidy_is(token, "typedef")) {
      item->kind = TIDY_TYPEDEF;
      return;
    }
    if (tidy_is(token, "=") || tidy_is(token, "[")) {
      item->kind = TIDY_VARIABLE;
      item->name = previous;
      return;
    }
    if (tidy_is(token, "(") && previous >= 0 && is_attribute(&file->tokens[previous])) {
      i = tidy_match(file, i);
      if (tidy_is(&file->tokens[previous], "_Static_assert")) return;
      continue;
    }
    if (tidy_is(token, "(")) {
      item->parameters_open = i;
      item->parameters_close = tidy_match(file, i);
      bool pointer = tidy_is(&file->tokens[i + 1], "*");
      item->kind = pointer ? TIDY_VARIABLE : TIDY_PROTOTYPE;
      item->name = pointer ? i + 2 : previous;
      return;
    }
    if (tidy_is(token, "{")) i = tidy_match(file, i);
    previous = i;
  }
  if (previous < 0 || file->tokens[previous].kind != TIDY_NAME)
    return; /* ends with the body of a type */
  const tidy_token *before = previous > item->first ? &file->tokens[previous - 1] : NULL;
  if (!before || tidy_is(before, "struct") || tidy_is(before, "union") || tidy_is(before, "enum"))
    return;
  item->kind = TIDY_VARIABLE;
  item->name = previous;
}

/* A macro call at file scope needs no semicolon; what follows it is an item of its own. */
static void skip_macro_calls(const tidy_file *file, tidy_item *item) {
  for (int i = item->first, previous = -1; i < item->name; previous = i++) {
    if (tidy_is(&file->tokens[i], "{")) i = tidy_match(file, i); /* the members of a struct */
    if (!tidy_is(&file->tokens[i], "(") || file->tokens[i].directive) continue;
    int close = tidy_match(file, i);
    if (close >= item->name) return;
    if (previous >= 0 && !is_attribute(&file->tokens[previous])) item->first = close + 1;
    i = close;
  }
}

static void add_item(tidy_file *file, tidy_item item) {
  skip_macro_calls(file, &item);
  for (int i = item.first; i <= item.last && i != item.body; i++)
    if (!file->tokens[i].directive && tidy_is(&file->tokens[i], "static")) item.is_static = true;
  file->items = tidy_grow(file->items, file->item_count, sizeof *file->items);
  file->items[file->item_count++] = item;
}

static tidy_item start_item(int first) {
  return (tidy_item){.kind = TIDY_OTHER,
                     .first = first,
                     .name = -1,
                     .parameters_open = -1,
                     .parameters_close = -1,
                     .body = -1};
}

static bool is_linkage(const tidy_file *file, int i, int previous) { /* extern "C" { */
  return previous > 0 && tidy_is(&file->tokens[i], "{") &&
         file->tokens[previous].kind == TIDY_STRING &&
         tidy_is(&file->tokens[previous - 1], "extern");
}

void tidy_items(tidy_file *file) {
  int first = -1, previous = -1;
  for (int i = 0; i < file->token_count; i++) {
    const tidy_token *token = &file->tokens[i];
    if (token->directive) continue;
    if (first < 0) {
      first = i;
      previous = -1;
    }
    if (is_linkage(file, i, previous) || (first == i && tidy_is(token, "}"))) {
      first = -1;
      continue;
    }
    if (tidy_is(token, "{")) {
      int close = tidy_match(file, i);
      if (previous >= 0 && tidy_is(&file->tokens[previous], ")")) {
        tidy_item item = start_item(first);
        item.kind = TIDY_FUNCTION;
        item.last = close;
        item.body = i;
        name_function(file, &item, previous);
        add_item(file, item);
        first = -1;
      }
      i = close;
    } else if (tidy_is(token, "(") || tidy_is(token, "[")) {
      i = tidy_match(file, i);
    } else if (tidy_is(token, ";")) {
      tidy_item item = start_item(first);
      item.last = i;
      classify(file, &item);
      add_item(file, item);
      first = -1;
    }
    previous = i;
  }
}
