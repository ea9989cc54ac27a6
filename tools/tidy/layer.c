/* layer: a folder of src/ includes only folders that tools/layers.txt gives it. A line there may
 * name only folders of earlier lines, so arrows go down and there is no cycle. A test beside a
 * source may include any folder but the last (the program); tests/, bench/, fuzz/ and tools/ too.
 * Public headers include only each other. */
#include <string.h>

#include "tidy.h"

static const char layers_path[] = "tools/layers.txt";

enum { FOLDERS_MAX = 64 };

typedef struct layers {
  char *folders[FOLDERS_MAX];
  char *allowed[FOLDERS_MAX]; /* " a b c " */
  int lines[FOLDERS_MAX];
  int count;
} layers;

static void report(tidy_tree *tree, const char *path, int line, const char *text) {
  tidy_report(tree, &(tidy_finding){path, "layer", "", text, line});
}

static int find(const layers *known, const char *folder) {
  for (int i = 0; i < known->count; i++)
    if (strcmp(known->folders[i], folder) == 0) return i;
  return -1;
}

static bool contains(const char *words, const char *word) {
  return strstr(words, tidy_text(" %s ", word)) != NULL;
}

static void check_line(tidy_tree *tree, const layers *known, const char *words, int line) {
  for (const char *at = words; *(at += strspn(at, " "));) {
    size_t length = strcspn(at, " ");
    char *word = tidy_copy(at, length);
    if (find(known, word) < 0)
      report(tree, layers_path, line,
             tidy_text("'%s' has no line above; arrows go down only", word));
    at += length;
  }
}

static void read_layers(tidy_tree *tree, layers *out) {
  const tidy_file *file = tidy_tree_find(tree, layers_path);
  if (!file) {
    report(tree, layers_path, 1,
           "no such file; it names, for each folder of src/, what it may include");
    return;
  }
  for (int i = 0; i < file->line_count && out->count < FOLDERS_MAX; i++) {
    char *line = tidy_copy(file->lines[i], strcspn(file->lines[i], "\n"));
    char *colon = strchr(line, ':');
    if (line[0] == '#' || line[0] == '\0') continue;
    if (!colon) {
      report(tree, layers_path, i + 1, "write FOLDER: FOLDER FOLDER...");
      continue;
    }
    char *words = tidy_text(" %s ", colon + 1);
    check_line(tree, out, words, i + 1);
    out->folders[out->count] = tidy_copy(line, (size_t)(colon - line));
    out->lines[out->count] = i + 1;
    out->allowed[out->count++] = words;
  }
}

static void check_folders(tidy_tree *tree, const layers *known) {
  bool seen[FOLDERS_MAX] = {0};
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    if (strcmp(file->area, "src") != 0 || file->folder[0] == '\0') continue;
    int index = find(known, file->folder);
    if (index >= 0) seen[index] = true;
    else if (file->is_c)
      report(tree, file->path, 1, tidy_text("give '%s' a line in tools/layers.txt", file->folder));
  }
  for (int i = 0; i < known->count; i++)
    if (!seen[i])
      report(tree, layers_path, known->lines[i],
             tidy_text("there is no src/%s", known->folders[i]));
}

/* "op/relu.h" -> "op"; null for what names no folder. */
static char *target_folder(const char *include) {
  const char *slash = strchr(include, '/');
  return slash ? tidy_copy(include, (size_t)(slash - include)) : NULL;
}

static const char *refuse(const tidy_file *file, const layers *known, const char *include) {
  char *target = target_folder(include);
  if (!target || strcmp(target, "..") == 0 || strcmp(target, ".") == 0)
    return tidy_text("\"%s\" names no folder; write \"folder/file.h\", seen from src/", include);
  int to = find(known, target);
  if (strcmp(file->area, "include") == 0 || strcmp(file->area, "examples") == 0)
    return tidy_text("\"%s\" is not public; only <ddla/...> and the standard library go", include);
  if (to < 0) return tidy_text("\"%s\" is in no folder of tools/layers.txt", include);
  int from = strcmp(file->area, "src") == 0 ? find(known, file->folder) : -1;
  if (from == to || (from >= 0 && contains(known->allowed[from], target))) return NULL;
  bool free_choice = from < 0 || file->is_test;
  if (free_choice && to != known->count - 1) return NULL;
  return tidy_text(
      "%s may not include %s (tools/layers.txt); move the code up, or pass what it needs in",
      free_choice ? file->path : file->folder, target);
}

static void check_includes(tidy_tree *tree, const tidy_file *file, const layers *known) {
  static const char *const own_folders[] = {"tools", "tests", "bench", "fuzz"};
  bool beside = false;
  for (size_t i = 0; i < sizeof own_folders / sizeof own_folders[0]; i++)
    beside |= strcmp(file->area, own_folders[i]) == 0;
  for (int i = 0; i + 2 < file->token_count; i++) {
    const tidy_token *token = &file->tokens[i];
    if (!tidy_is(token, "#") || !tidy_is(token + 1, "include")) continue;
    if (token[2].kind != TIDY_STRING || token[2].line != token->line) continue;
    char *include = tidy_copy(token[2].start + 1, (size_t)token[2].length - 2);
    if (!strchr(include, '/') && beside) continue;
    const char *why = refuse(file, known, include);
    if (why) report(tree, file->path, token->line, why);
  }
}

void tidy_rule_layer(tidy_tree *tree) {
  layers known = {0};
  read_layers(tree, &known);
  check_folders(tree, &known);
  for (int i = 0; i < tree->file_count; i++)
    if (tree->files[i].is_c) check_includes(tree, &tree->files[i], &known);
}
