/* Line charts as SVG, written by hand: panels with axes, grid and lines. Threads: pure functions.
 */
#ifndef DDLA_CHART_CHART_H
#define DDLA_CHART_CHART_H

#include <stdbool.h>
#include <stdio.h>

enum { DDLA_CHART_COLOURS = 8, DDLA_CHART_LINES_MAX = 64 };

/* Points in rising x; those with a y that is not finite leave a gap. Borrowed. */
typedef struct ddla_chart_line {
  const double *x, *y;
  int count, colour; /* colour: of the palette, modulo its size */
  bool dashed;
} ddla_chart_line;

typedef struct ddla_chart_panel {
  const char *title, *unit; /* unit of y, or "" */
  ddla_chart_line line[DDLA_CHART_LINES_MAX];
  int line_count;
  bool from_zero; /* the axis of y begins at 0 */
  bool fine;      /* x may be marked between whole numbers */
} ddla_chart_panel;

/* A place on the page, in pixels. */
typedef struct ddla_chart_box {
  double x, y, width, height;
} ddla_chart_box;

/* "#4269d0": a colour of the palette. */
const char *ddla_chart_colour(int index);

void ddla_chart_begin(FILE *file, double width, double height);
void ddla_chart_end(FILE *file);

/* Text with &, < and > made harmless. anchor: start, middle or end. */
void ddla_chart_text(FILE *file, double x, double y, const char *style, const char *text);

void ddla_chart_draw(FILE *file, const ddla_chart_panel *panel, ddla_chart_box box);

/* Step between ticks so that about `most` of them cover span: 1, 2 or 5 times a power of ten. */
double ddla_chart_tick(double span, int most);

#endif
