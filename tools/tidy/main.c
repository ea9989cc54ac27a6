/* ddla_tidy ROOT: checks the tree below ROOT, one line for each finding, status 1 if there is any.
 */
#include <stdio.h>
#include <string.h>

#include "tidy.h"

typedef struct rule {
  const char *name;
  void (*run)(tidy_tree *tree);
} rule;

static const rule rules[] = {
#define TIDY_RULE(name) {#name, tidy_rule_##name},
#include "rule_list.h"
#undef TIDY_RULE
};

enum { RULE_COUNT = sizeof rules / sizeof rules[0] };

/* Sources without a test beside them, for people: a module may be tested through its neighbour. */
static void print_untested(const tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    if (strcmp(file->area, "src") != 0 || strcmp(file->extension, ".c") != 0 || file->is_test)
      continue;
    int length = (int)(strlen(file->path) - strlen(".c"));
    if (!tidy_tree_find(tree, tidy_text("%.*s_test.c", length, file->path)))
      printf("%s\n", file->path);
  }
}

int main(int count, char **arguments) {
  if (count == 2 && strcmp(arguments[1], "--rules") == 0) {
    for (int i = 0; i < RULE_COUNT; i++) printf("%s\n", rules[i].name);
    return 0;
  }
  bool untested = count == 3 && strcmp(arguments[1], "--untested") == 0;
  if (count != 2 && !untested) {
    fprintf(stderr, "usage: ddla_tidy ROOT | --untested ROOT | --rules\n");
    return 2;
  }
  tidy_tree tree;
  if (!tidy_tree_read(&tree, arguments[count - 1])) return 2;
  if (untested) {
    print_untested(&tree);
    return 0;
  }
  for (int i = 0; i < RULE_COUNT; i++) rules[i].run(&tree);
  int printed = tidy_print(&tree);
  if (printed == 0) return 0;
  fflush(stdout);
  fprintf(stderr, "ddla_tidy: %d finding%s; the rules are in docs/STYLE.md\n", printed,
          printed == 1 ? "" : "s");
  return 1;
}
