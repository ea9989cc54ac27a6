#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chart/chart.h"

static void ticks_are_round(void **state) {
  (void)state;
  assert_true(fabs(ddla_chart_tick(10, 5) - 2) < 1e-12);
  assert_true(fabs(ddla_chart_tick(1, 5) - 0.2) < 1e-12);
  assert_true(fabs(ddla_chart_tick(0.07, 5) - 0.02) < 1e-12);
  assert_true(fabs(ddla_chart_tick(60000, 7) - 10000) < 1e-6);
}

static char *draw(const ddla_chart_panel *panel) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  ddla_chart_begin(file, 200, 100);
  ddla_chart_draw(file, panel, (ddla_chart_box){0, 0, 200, 100});
  ddla_chart_end(file);
  fclose(file);
  return text;
}

/* The plot's corners: the panel less its margins. */
static void lines_reach_from_corner_to_corner(void **state) {
  (void)state;
  const double x[] = {0, 10}, y[] = {0, 4};
  ddla_chart_panel panel = {.title = "a < b & c", .unit = "", .line_count = 1};
  panel.line[0] = (ddla_chart_line){.x = x, .y = y, .count = 2};
  char *text = draw(&panel);
  assert_non_null(strstr(text, "M62.00 74.00L188.00 30.00"));
  assert_non_null(strstr(text, "a &lt; b &amp; c"));
  free(text);
}

static void gaps_and_nothing_are_drawn(void **state) {
  (void)state;
  const double x[] = {0, 1, 2, 3}, y[] = {1, NAN, 3, INFINITY};
  ddla_chart_panel panel = {.title = "t", .unit = "", .line_count = 1};
  panel.line[0] = (ddla_chart_line){.x = x, .y = y, .count = 4};
  char *text = draw(&panel);
  assert_null(strstr(text, "nan"));
  assert_null(strstr(text, "inf"));
  free(text);
  panel.line_count = 0;
  text = draw(&panel);
  assert_null(strstr(text, "nan"));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ticks_are_round),
                                     cmocka_unit_test(lines_reach_from_corner_to_corner),
                                     cmocka_unit_test(gaps_and_nothing_are_drawn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
