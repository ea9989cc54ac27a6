/* docs/formats/job-file.md has one row for every option, as the list says it. With --print it
 * writes the rows, to be put into that file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "job/option.h"

static const char *page;

/* In a table a bar would end the cell. */
static void add_escaped(char *row, size_t room, const char *words) {
  size_t used = strlen(row);
  for (; *words && used + 3 < room; words++) {
    if (*words == '|') row[used++] = '\\';
    row[used++] = *words;
  }
  row[used] = '\0';
}

static void make_row(char *row, size_t room, const ddla_option *option) {
  const char *initial = option->type == DDLA_OPTION_TREE ? "[]" : option->initial;
  snprintf(row, room, "| `%s` | %s%s%s | ", option->key, *initial ? "`" : "", initial,
           *initial ? "`" : "");
  add_escaped(row, room, ddla_option_allowed(option).text);
  strncat(row, option->resume == DDLA_OPTION_SAME ? " | same | " : " | free | ",
          room - strlen(row) - 1);
  add_escaped(row, room, option->help);
  strncat(row, " |\n", room - strlen(row) - 1);
}

static void page_has_every_option(void **state) {
  (void)state;
  char *text = NULL;
  size_t bytes = 0;
  assert_int_equal(ddla_file_read(&text, &bytes, page, 1 << 20), DDLA_OK);
  for (int i = 0; i < ddla_option_count(); i++) {
    char row[1024];
    make_row(row, sizeof row, ddla_option_at(i));
    if (!strstr(text, row)) fail_msg("%s lacks the row\n%s", page, row);
  }
  ddla_free(text);
}

static int print_rows(void) {
  for (int i = 0; i < ddla_option_count(); i++) {
    char row[1024];
    make_row(row, sizeof row, ddla_option_at(i));
    fputs(row, stdout);
  }
  return 0;
}

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "--print") == 0) return print_rows();
  if (count != 2) return 2;
  page = words[1];
  const struct CMUnitTest tests[] = {cmocka_unit_test(page_has_every_option)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
