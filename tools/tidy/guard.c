/* guard: a header of src/ or include/ starts with #ifndef DDLA_..._H; a list header, read many
 * times, need not. */
#include <string.h>

#include "tidy.h"

static bool is_guarded(const tidy_file *file) {
  if (file->token_count < 6) return false;
  const tidy_token *token = file->tokens;
  if (!tidy_is(token, "#") || !tidy_is(token + 1, "ifndef") || !tidy_is(token + 4, "define"))
    return false;
  char *name = tidy_token_text(file, 2);
  return tidy_starts(name, "DDLA_") && tidy_ends(name, "_H") && tidy_is(token + 5, name);
}

void tidy_rule_guard(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++) {
    const tidy_file *file = &tree->files[i];
    bool ours = strcmp(file->area, "src") == 0 || strcmp(file->area, "include") == 0;
    if (!ours || strcmp(file->extension, ".h") != 0 || tidy_ends(file->stem, "_list") ||
        tidy_ends(file->stem, "_body"))
      continue;
    if (is_guarded(file)) continue;
    const char *text =
        "a header starts with #ifndef DDLA_<FOLDER>_<FILE>_H and #define of the same";
    tidy_report(tree, &(tidy_finding){file->path, "guard", "", text, 1});
  }
}
