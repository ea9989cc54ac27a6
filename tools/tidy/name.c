/* name: a function seen outside its file is ddla_<module>_...: a module is the folder, a file of
 * the folder, or a type of the folder or of a public header; a static function carries no prefix; a
 * macro of a header is DDLA_...; no name uses a word that tools/tidy/words.txt refuses. */
#include <ctype.h>
#include <string.h>

#include "tidy.h"

static void report(tidy_tree *tree, const tidy_file *file, int line, const char *subject,
                   const char *text) {
  tidy_report(tree, &(tidy_finding){file->path, "name", subject, text, line});
}

/* "ddla_graph_call" has the module word "graph": a whole number of words follow it. */
static bool has_module(const char *name, const char *module) {
  size_t length = strlen(module);
  if (length == 0 || !tidy_starts(name, "ddla_")) return false;
  name += strlen("ddla_");
  return strncmp(name, module, length) == 0 && (name[length] == '_' || name[length] == '\0');
}

/* "ddla_shape_count" works on the type ddla_shape. */
static bool has_type(const tidy_file *file, const char *name) {
  for (int k = 0; k < file->item_count; k++) {
    const tidy_item *item = &file->items[k];
    if (item->kind != TIDY_TYPEDEF) continue;
    char *type = tidy_token_text(file, item->last - 1);
    if (tidy_starts(type, "ddla_") && has_module(name, type + strlen("ddla_"))) return true;
  }
  return false;
}

static bool is_module_name(const tidy_tree *tree, const tidy_file *file, const char *name) {
  if (has_module(name, file->folder)) return true;
  char *beside = tidy_copy(file->path, strlen(file->path) - strlen(file->name));
  char *inner = tidy_copy(beside, strlen(beside) - 1);
  if (has_module(name, strrchr(inner, '/') ? strrchr(inner, '/') + 1 : "")) return true;
  char *folder = tidy_text("src/%s/", file->folder);
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *other = &tree->files[i];
    bool near = tidy_starts(other->path, folder);
    if (near && has_module(name, other->stem)) return true;
    if ((near || strcmp(other->area, "include") == 0) && has_type(other, name)) return true;
  }
  return false;
}

/* Whether the tree has "#define WORD ... static ...". */
static bool is_static_macro(const tidy_tree *tree, const char *word) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    for (int k = 2; k < file->token_count; k++) {
      const tidy_token *token = &file->tokens[k];
      if (!token->directive || !tidy_is(token - 1, "define") || !tidy_is(token, word)) continue;
      for (k++; k < file->token_count && file->tokens[k].directive; k++)
        if (tidy_is(&file->tokens[k], "static")) return true;
        else if (tidy_is(&file->tokens[k], "#")) break;
    }
  }
  return false;
}

static bool is_static(const tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  if (item->is_static) return true;
  for (int i = item->first; i < item->name; i++)
    if (is_static_macro(tree, tidy_token_text(file, i))) return true;
  return false;
}

static void check_function(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  if (item->kind != TIDY_FUNCTION || item->name < 0) return;
  char *name = tidy_token_text(file, item->name);
  int line = file->tokens[item->name].line;
  bool prefixed = tidy_starts(name, "ddla_");
  bool header = strcmp(file->extension, ".h") == 0;
  bool hidden = is_static(tree, file, item);
  if (hidden && prefixed && !header)
    report(tree, file, line, name, tidy_text("%s is static; drop the prefix ddla_", name));
  if (hidden && !header) return;
  if (hidden && prefixed) return; /* of a header: only its own includers see it */
  if (strcmp(name, "main") == 0 || is_module_name(tree, file, name)) return;
  report(
      tree, file, line, name,
      tidy_text("%s names no module; call it ddla_%s_..., or make it static", name, file->folder));
}

static void check_public(tidy_tree *tree, const tidy_file *file, const tidy_item *item) {
  if (item->kind != TIDY_PROTOTYPE || item->name < 0) return;
  char *name = tidy_token_text(file, item->name);
  if (!tidy_starts(name, "ddla_"))
    report(tree, file, file->tokens[item->name].line, name,
           tidy_text("%s is public; call it ddla_...", name));
}

static void check_macros(tidy_tree *tree, const tidy_file *file) {
  for (int i = 0; i + 2 < file->token_count; i++) {
    const tidy_token *token = &file->tokens[i];
    if (!tidy_is(token, "#") || !tidy_is(token + 1, "define")) continue;
    char *name = tidy_token_text(file, i + 2);
    if (!tidy_starts(name, "DDLA_"))
      report(tree, file, token->line, name,
             tidy_text("macro %s in a header; call it DDLA_%s", name, name));
  }
}

/* The refused word in name, or null; words are lines "name WORD: what to write". */
static const char *refused(const char *name, const char *const *words, const char **advice) {
  for (const char *at = name; *at; at++) {
    if (at != name && at[-1] != '_' &&
        !(isupper((unsigned char)*at) && islower((unsigned char)at[-1])))
      continue;
    size_t length = strcspn(at, "_");
    for (const char *const *word = words; *word; word += 2)
      if (length == strlen(*word) && strncasecmp(at, *word, length) == 0) {
        *advice = word[1];
        return *word;
      }
  }
  return NULL;
}

/* Pairs of a word and its advice, ended by null. */
static const char **read_words(const tidy_tree *tree) {
  const tidy_file *file = tidy_tree_find(tree, "tools/tidy/words.txt");
  const char **words = tidy_new(file ? (size_t)file->line_count * 2 + 1 : 1, sizeof *words);
  int count = 0;
  for (int i = 0; file && i < file->line_count; i++) {
    char *line = tidy_copy(file->lines[i], strcspn(file->lines[i], "\n"));
    char *colon = strstr(line, ": ");
    if (!tidy_starts(line, "name ") || !colon) continue;
    words[count++] = tidy_copy(line + 5, (size_t)(colon - line) - 5);
    words[count++] = colon + 2;
  }
  return words;
}

/* What stands after . or -> may be a library's name; where a field is ours, its declaration is
 * found. */
static bool is_field(const tidy_file *file, int i) {
  return i > 0 && (tidy_is(&file->tokens[i - 1], ".") || tidy_is(&file->tokens[i - 1], "->"));
}

static void check_words(tidy_tree *tree, const tidy_file *file, const char *const *words) {
  static const char *const foreign[] = {"sa_handler", "sighandler_t", NULL};
  const char *advice = NULL;
  const char *word = refused(file->stem, words, &advice);
  if (word) report(tree, file, 1, file->stem, tidy_text("'%s' in a file's name: %s", word, advice));
  for (int i = 0; i < file->token_count; i++) {
    if (file->tokens[i].kind != TIDY_NAME || is_field(file, i)) continue;
    char *name = tidy_token_text(file, i);
    word = refused(name, words, &advice);
    if (word && !tidy_one_of(name, foreign))
      report(tree, file, file->tokens[i].line, name,
             tidy_text("'%s' in %s: %s", word, name, advice));
  }
}

void tidy_rule_name(tidy_tree *tree) {
  const char *const *words = read_words(tree);
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    if (!file->is_c) continue;
    check_words(tree, file, words);
    bool header = strcmp(file->extension, ".h") == 0;
    if (tidy_ends(file->name, "_body.h")) continue; /* text that its includer names */
    bool source = strcmp(file->area, "src") == 0, public = strcmp(file->area, "include") == 0;
    if (header && !file->is_test && (source || public)) check_macros(tree, file);
    for (int k = 0; k < file->item_count; k++) {
      if (source && !file->is_test) check_function(tree, file, &file->items[k]);
      if (public) check_public(tree, file, &file->items[k]);
    }
  }
}
