#include "chart/bars.h"

#include <math.h>

/* In pixels; LEGEND_MAX names: the palette at three strengths. */
enum {
  LEFT = 92,
  RIGHT = 16,
  TOP = 34,
  ROW = 22,
  GAP = 4,
  AXIS = 28,
  ENTRY_WIDTH = 130,
  ENTRY_HEIGHT = 18,
  TICKS = 7,
  LEGEND_MAX = 3 * DDLA_CHART_COLOURS
};

static const char grey_end[] = "font-size=\"11\" fill=\"#6b7280\" text-anchor=\"end\"";
static const char grey_middle[] = "font-size=\"11\" fill=\"#6b7280\" text-anchor=\"middle\"";
static const char dark[] = "font-size=\"11\" fill=\"#111827\"";

static int legend_count(const ddla_chart_bars *bars) {
  return bars->columns < LEGEND_MAX ? bars->columns : LEGEND_MAX;
}

static int legend_columns(double width) {
  const int columns = (int)((width - LEFT - RIGHT) / ENTRY_WIDTH);
  return columns > 1 ? columns : 1;
}

double ddla_chart_bars_height(const ddla_chart_bars *bars, double width) {
  const int columns = legend_columns(width), lines = (legend_count(bars) + columns - 1) / columns;
  return TOP + bars->rows * ROW + AXIS + lines * ENTRY_HEIGHT + GAP;
}

/* The palette, then the same paler. */
static double strength(int column) {
  static const double strengths[] = {1, 0.6, 0.3};
  return strengths[column / DDLA_CHART_COLOURS % 3];
}

static double sum_of(const ddla_chart_bars *bars, int row) {
  double sum = 0;
  for (int c = 0; c < bars->columns; c++) sum += bars->value[row * bars->columns + c];
  return sum;
}

static void draw_axis(FILE *file, const ddla_chart_bars *bars, ddla_chart_box box, double most) {
  const double tick = ddla_chart_tick(most, TICKS), bottom = box.y + TOP + bars->rows * ROW;
  const double scale = (box.width - LEFT - RIGHT) / most;
  char text[32];
  for (double v = 0; v <= most * (1 + 1e-9); v += tick) {
    const double at = box.x + LEFT + v * scale;
    fprintf(file, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#e5e7eb\"/>\n", at, box.y + TOP - GAP,
            bottom + GAP);
    snprintf(text, sizeof text, "%.6g", v);
    ddla_chart_text(file, at, bottom + 17, grey_middle, text);
  }
}

static void draw_bar(FILE *file, const ddla_chart_bars *bars, ddla_chart_box box, int row,
                     double scale) {
  const double y = box.y + TOP + row * ROW;
  double x = box.x + LEFT;
  ddla_chart_text(file, x - 8, y + 14, grey_end, bars->row_name[row]);
  for (int c = 0; c < bars->columns; c++) {
    const double width = bars->value[row * bars->columns + c] * scale;
    if (width <= 0) continue;
    fprintf(file,
            "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\" "
            "fill-opacity=\"%.1f\"/>\n",
            x, y, width, ROW - GAP, ddla_chart_colour(c), strength(c));
    x += width;
  }
}

static void draw_legend(FILE *file, const ddla_chart_bars *bars, ddla_chart_box box) {
  const int columns = legend_columns(box.width);
  for (int c = 0; c < legend_count(bars); c++) {
    const double x = box.x + LEFT + c % columns * ENTRY_WIDTH;
    const double y = box.y + TOP + bars->rows * ROW + AXIS + c / columns * ENTRY_HEIGHT;
    fprintf(file,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" fill=\"%s\" "
            "fill-opacity=\"%.1f\"/>\n",
            x, y, ddla_chart_colour(c), strength(c));
    ddla_chart_text(file, x + 15, y + 9, dark, bars->column_name[c]);
  }
}

void ddla_chart_bars_draw(FILE *file, const ddla_chart_bars *bars, ddla_chart_box box) {
  double most = 0;
  for (int r = 0; r < bars->rows; r++) most = fmax(most, sum_of(bars, r));
  if (!(most > 0)) most = 1;
  ddla_chart_text(file, box.x + LEFT, box.y + 18,
                  "font-size=\"14\" font-weight=\"600\" fill=\"#111827\"", bars->title);
  ddla_chart_text(file, box.x + box.width - RIGHT, box.y + 18, grey_end, bars->unit);
  draw_axis(file, bars, box, most);
  for (int r = 0; r < bars->rows; r++)
    draw_bar(file, bars, box, r, (box.width - LEFT - RIGHT) / most);
  draw_legend(file, bars, box);
}
