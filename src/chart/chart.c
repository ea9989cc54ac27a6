#include "chart/chart.h"

#include <math.h>

/* Space around the lines of a panel, in pixels. */
enum { LEFT = 62, RIGHT = 12, TOP = 30, BOTTOM = 26, TICKS_X = 7, TICKS_Y = 5 };

typedef struct chart_scale {
  double low, high; /* of the values */
  double from, to;  /* in pixels */
} chart_scale;

const char *ddla_chart_colour(int index) {
  static const char *const colours[DDLA_CHART_COLOURS] = {
      "#4269d0", "#ef8a2b", "#3ca951", "#d6457a", "#7a5cc0", "#1fa3b5", "#8c6d4f", "#6b7280"};
  return colours[index % DDLA_CHART_COLOURS];
}

void ddla_chart_begin(FILE *file, double width, double height) {
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
          "viewBox=\"0 0 %.0f %.0f\" font-family=\"Inter, Helvetica, Arial, sans-serif\">\n"
          "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
          width, height, width, height);
}

void ddla_chart_end(FILE *file) { fputs("</svg>\n", file); }

void ddla_chart_text(FILE *file, double x, double y, const char *style, const char *text) {
  fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
  for (; *text; text++) switch (*text) {
    case '&': fputs("&amp;", file); break;
    case '<': fputs("&lt;", file); break;
    case '>': fputs("&gt;", file); break;
    default: fputc((unsigned char)*text < ' ' ? '?' : *text, file);
    }
  fputs("</text>\n", file);
}

double ddla_chart_tick(double span, int most) {
  double rough = span / most, power = pow(10, floor(log10(rough)));
  double part = rough / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static double place(const chart_scale *scale, double value) {
  return scale->from +
         (value - scale->low) / (scale->high - scale->low) * (scale->to - scale->from);
}

static void widen(double *low, double *high, double value) {
  if (!isfinite(value)) return;
  if (!(value >= *low)) *low = value;
  if (!(value <= *high)) *high = value;
}

/* A range that holds something, with whole ticks at its ends where `round`. */
static void settle(double *low, double *high, bool round) {
  if (!isfinite(*low) || !isfinite(*high)) *low = 0, *high = 1;
  if (*high - *low < 1e-12 * fmax(1, fabs(*high))) {
    double room = *low == 0 ? 1 : 0.1 * fabs(*low);
    *low -= *low == 0 ? 0 : room;
    *high += room;
  }
  if (!round) return;
  double tick = ddla_chart_tick(*high - *low, TICKS_Y);
  *low = tick * floor(*low / tick + 1e-9);
  *high = tick * ceil(*high / tick - 1e-9);
}

static void find_scales(chart_scale *x, chart_scale *y, const ddla_chart_panel *panel,
                        ddla_chart_box box) {
  *x = (chart_scale){NAN, NAN, box.x + LEFT, box.x + box.width - RIGHT};
  *y = (chart_scale){panel->from_zero ? 0 : NAN, panel->from_zero ? 0 : NAN,
                     box.y + box.height - BOTTOM, box.y + TOP};
  for (int l = 0; l < panel->line_count; l++)
    for (int i = 0; i < panel->line[l].count; i++) {
      if (!isfinite(panel->line[l].y[i])) continue;
      widen(&x->low, &x->high, panel->line[l].x[i]);
      widen(&y->low, &y->high, panel->line[l].y[i]);
    }
  settle(&x->low, &x->high, false);
  settle(&y->low, &y->high, true);
}

static void tick_text(char *text, size_t bytes, double value, double tick) {
  if (fabs(value) < 1e-9 * tick) snprintf(text, bytes, "0");
  else if (fabs(value) >= 1e6) snprintf(text, bytes, "%.4g M", value * 1e-6);
  else if (fabs(value) >= 1e4) snprintf(text, bytes, "%.4g k", value * 1e-3);
  else snprintf(text, bytes, "%.4g", value);
}

static const char grey_end[] = "font-size=\"11\" fill=\"#6b7280\" text-anchor=\"end\"";
static const char grey_middle[] = "font-size=\"11\" fill=\"#6b7280\" text-anchor=\"middle\"";

static void draw_axes(FILE *file, const chart_scale *x, const chart_scale *y, bool fine) {
  char text[32];
  double tick = ddla_chart_tick(y->high - y->low, TICKS_Y);
  for (double v = y->low; v <= y->high + 0.5 * tick; v += tick) {
    double at = place(y, v);
    fprintf(file, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#e5e7eb\"/>\n", x->from, at, x->to);
    tick_text(text, sizeof text, v, tick);
    ddla_chart_text(file, x->from - 8, at + 4, grey_end, text);
  }
  tick = fmax(ddla_chart_tick(x->high - x->low, TICKS_X), fine ? 0 : 1);
  for (double v = tick * ceil(x->low / tick); v <= x->high + 1e-9 * tick; v += tick) {
    double at = place(x, v);
    fprintf(file, "<path d=\"M%.1f %.1fv4\" stroke=\"#9ca3af\"/>\n", at, y->from);
    tick_text(text, sizeof text, v, tick);
    ddla_chart_text(file, at, y->from + 17, grey_middle, text);
  }
  fprintf(file, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#9ca3af\"/>\n", x->from, y->from, x->to);
}

static void draw_line(FILE *file, const ddla_chart_line *line, const chart_scale *x,
                      const chart_scale *y) {
  bool down = false;
  int points = 0;
  fputs("<path d=\"", file);
  for (int i = 0; i < line->count; i++) {
    bool gap = !isfinite(line->y[i]);
    if (!gap)
      fprintf(file, "%c%.2f %.2f", down ? 'L' : 'M', place(x, line->x[i]), place(y, line->y[i]));
    down = !gap;
    points += !gap;
  }
  fprintf(file,
          "\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" stroke-linejoin=\"round\"%s/>\n",
          ddla_chart_colour(line->colour), line->dashed ? " stroke-dasharray=\"5 4\"" : "");
  for (int i = 0; i < line->count && points <= 40; i++)
    if (isfinite(line->y[i]))
      fprintf(file, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"2.4\" fill=\"%s\"/>\n",
              place(x, line->x[i]), place(y, line->y[i]), ddla_chart_colour(line->colour));
}

void ddla_chart_draw(FILE *file, const ddla_chart_panel *panel, ddla_chart_box box) {
  chart_scale x, y;
  find_scales(&x, &y, panel, box);
  ddla_chart_text(file, x.from, box.y + 18, "font-size=\"14\" font-weight=\"600\" fill=\"#111827\"",
                  panel->title);
  ddla_chart_text(file, x.to, box.y + 18, grey_end, panel->unit);
  draw_axes(file, &x, &y, panel->fine);
  for (int l = 0; l < panel->line_count; l++) draw_line(file, &panel->line[l], &x, &y);
}
