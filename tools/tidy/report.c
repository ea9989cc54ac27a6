/* Findings, and the exceptions to them. tools/tidy/exceptions.txt: "limit N" first, then one line
 * each, FILE RULE [SUBJECT]: reason N is the number of lines, so that adding one shows in review as
 * a raised limit; an exception that excuses nothing is itself a finding: the list may only shrink.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tidy.h"

static const char exceptions_path[] = "tools/tidy/exceptions.txt";

typedef struct exception {
  char *path, *rule, *subject;
  int line;
  bool used;
} exception;

typedef struct exception_list {
  exception *rows;
  int count;
} exception_list;

void tidy_report(tidy_tree *tree, const tidy_finding *finding) {
  tree->findings = tidy_grow(tree->findings, tree->finding_count, sizeof *tree->findings);
  tree->findings[tree->finding_count++] = *finding;
}

static void report_exception(tidy_tree *tree, int line, const char *text) {
  tidy_report(tree, &(tidy_finding){exceptions_path, "exception", "", text, line});
}

static char *next_word(char **at) {
  while (**at == ' ') (*at)++;
  char *start = *at;
  while (**at && **at != ' ') (*at)++;
  if (**at) *(*at)++ = '\0';
  return start;
}

static void read_line(tidy_tree *tree, exception_list *list, char *line, int number) {
  char *colon = strstr(line, ": ");
  if (!colon || colon[2] == '\0') {
    report_exception(tree, number, "no reason; write FILE RULE [SUBJECT]: reason");
    return;
  }
  *colon = '\0';
  exception row = {.line = number};
  row.path = next_word(&line);
  row.rule = next_word(&line);
  row.subject = next_word(&line);
  list->rows = tidy_grow(list->rows, list->count, sizeof *list->rows);
  list->rows[list->count++] = row;
}

static exception_list read_exceptions(tidy_tree *tree) {
  exception_list list = {0};
  const tidy_file *file = tidy_tree_find(tree, exceptions_path);
  if (!file) return list;
  int limit = -1;
  for (int i = 0; i < file->line_count; i++) {
    char *line = tidy_copy(file->lines[i], strcspn(file->lines[i], "\n"));
    if (line[0] == '\0' || line[0] == '#') continue;
    if (tidy_starts(line, "limit ")) limit = (int)strtol(line + 6, NULL, 10);
    else read_line(tree, &list, line, i + 1);
  }
  if (limit != list.count)
    report_exception(tree, 1,
                     tidy_text("limit is %d, but %d exceptions stand here; mend the code, or "
                               "say in review why the limit moves",
                               limit, list.count));
  return list;
}

static bool excuses(const exception *row, const tidy_finding *finding) {
  return strcmp(row->path, finding->path) == 0 && strcmp(row->rule, finding->rule) == 0 &&
         (row->subject[0] == '\0' || strcmp(row->subject, finding->subject) == 0);
}

static bool is_excused(exception_list *list, const tidy_finding *finding) {
  bool found = false;
  for (int i = 0; i < list->count; i++) {
    if (!excuses(&list->rows[i], finding)) continue;
    list->rows[i].used = true;
    found = true;
  }
  return found;
}

static int by_place(const void *left, const void *right) {
  const tidy_finding *a = left, *b = right;
  int order = strcmp(a->path, b->path);
  if (order == 0) order = (a->line > b->line) - (a->line < b->line);
  if (order == 0) order = strcmp(a->rule, b->rule);
  return order ? order : strcmp(a->text, b->text);
}

int tidy_print(tidy_tree *tree) {
  exception_list list = read_exceptions(tree);
  int kept = 0;
  for (int i = 0; i < tree->finding_count; i++)
    if (!is_excused(&list, &tree->findings[i])) tree->findings[kept++] = tree->findings[i];
  tree->finding_count = kept;
  for (int i = 0; i < list.count; i++)
    if (!list.rows[i].used)
      report_exception(tree, list.rows[i].line, "excuses nothing; delete this line");
  if (tree->finding_count == 0) return 0;
  qsort(tree->findings, (size_t)tree->finding_count, sizeof *tree->findings, by_place);
  for (int i = 0; i < tree->finding_count; i++) {
    const tidy_finding *finding = &tree->findings[i];
    printf("%s:%d: %s: %s\n", finding->path, finding->line, finding->rule, finding->text);
  }
  return tree->finding_count;
}
