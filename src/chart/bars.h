/* Stacked bars as SVG: one bar for each row, one piece of it for each column. Threads: pure
 * functions. */
#ifndef DDLA_CHART_BARS_H
#define DDLA_CHART_BARS_H

#include "chart/chart.h"

/* Borrowed. */
typedef struct ddla_chart_bars {
  const char *title, *unit; /* unit of the values, or "" */
  int rows, columns;
  const double *value;            /* [rows][columns], at least 0 */
  const char *const *row_name;    /* [rows] */
  const char *const *column_name; /* [columns] */
} ddla_chart_bars;

/* Height that they need, for a width; both in pixels. */
double ddla_chart_bars_height(const ddla_chart_bars *bars, double width);

/* Bars from the top of the box down, an axis of values, and a legend of as many columns as have
 * colours of their own. */
void ddla_chart_bars_draw(FILE *file, const ddla_chart_bars *bars, ddla_chart_box box);

#endif
