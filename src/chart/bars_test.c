#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "chart/bars.h"

static char *draw(const ddla_chart_bars *bars, double width) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  ddla_chart_bars_draw(file, bars,
                       (ddla_chart_box){0, 0, width, ddla_chart_bars_height(bars, width)});
  fclose(file);
  return text;
}

static int count_of(const char *text, const char *words) {
  int count = 0;
  for (; (text = strstr(text, words)); text += strlen(words)) count++;
  return count;
}

/* The longest bar reaches the right border; pieces lie one behind another; nothing is no piece. */
static void pieces_are_as_long_as_their_values(void **state) {
  (void)state;
  static const char *const rows[] = {"a", "b"}, *const columns[] = {"x < y", "z"};
  const double value[] = {30, 10, 0, 20};
  const ddla_chart_bars bars = {"t", "samples", 2, 2, value, rows, columns};
  char *text = draw(&bars, 508); /* 400 for the bars */
  assert_non_null(strstr(text, "<rect x=\"92.00\" y=\"34.0\" width=\"300.00\""));
  assert_non_null(strstr(text, "<rect x=\"392.00\" y=\"34.0\" width=\"100.00\""));
  assert_non_null(strstr(text, "<rect x=\"92.00\" y=\"56.0\" width=\"200.00\""));
  assert_int_equal(count_of(text, "<rect"), 3 + 2); /* and the legend's */
  assert_non_null(strstr(text, "x &lt; y"));
  free(text);
}

static void many_columns_and_nothing_are_drawn(void **state) {
  (void)state;
  enum { COLUMNS = 60 };
  const char *columns[COLUMNS], *const rows[] = {"a"};
  double value[COLUMNS] = {0};
  for (int c = 0; c < COLUMNS; c++) columns[c] = "label";
  const ddla_chart_bars bars = {"t", "", 1, COLUMNS, value, rows, columns};
  char *text = draw(&bars, 400);
  assert_null(strstr(text, "nan"));
  assert_int_equal(count_of(text, "label"), 24);
  free(text);
  value[20] = 1;
  text = draw(&bars, 400);
  assert_int_equal(count_of(text, "fill-opacity=\"0.3\""), 8 + 1);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_are_as_long_as_their_values),
                                     cmocka_unit_test(many_columns_and_nothing_are_drawn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
