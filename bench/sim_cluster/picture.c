/* The lines of sim_cluster, read from standard input, as a picture on standard output: for each
 * network the time over that of the least bytes at full rate, simulated (a line for each size) and
 * by the formula (dashed). Both axes in powers of two. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "chart/chart.h"

enum { LINES_MAX = 8, POINTS_MAX = 16, PANELS_MAX = 4, NAME_BYTES = 16 };
enum { WIDTH = 1000, PANEL_HEIGHT = 260, HEAD_HEIGHT = 52 };

/* A size of the gradient on a network. */
typedef struct curve {
  double mebibytes, hosts[POINTS_MAX], simulated[POINTS_MAX], formula[POINTS_MAX];
  int count;
} curve;

typedef struct panel {
  char network[NAME_BYTES];
  curve curve[LINES_MAX];
  int curve_count;
} panel;

static panel *panel_of(panel *panels, int *count, const char *network) {
  for (int i = 0; i < *count; i++)
    if (strcmp(panels[i].network, network) == 0) return &panels[i];
  if (*count == PANELS_MAX) return NULL;
  snprintf(panels[*count].network, NAME_BYTES, "%s", network);
  return &panels[(*count)++];
}

static curve *curve_of(panel *p, double mebibytes) {
  for (int i = 0; p && i < p->curve_count; i++)
    if (p->curve[i].mebibytes == mebibytes) return &p->curve[i];
  if (!p || p->curve_count == LINES_MAX) return NULL;
  p->curve[p->curve_count].mebibytes = mebibytes;
  return &p->curve[p->curve_count++];
}

/* A line of sim_cluster; lines of anything else, or too many, are passed over. */
static void read_line(panel *panels, int *count, const char *line) {
  char network[NAME_BYTES];
  double hosts = 0, mebibytes = 0, seconds = 0, formula = 0, over = 0;
  if (sscanf(line, "%15s %lf %lf %*d %*f %lf %lf %*s %*d %*d %*f %lf", network, &hosts, &mebibytes,
             &seconds, &formula, &over) != 6)
    return;
  curve *c = curve_of(panel_of(panels, count, network), mebibytes);
  if (!c || c->count == POINTS_MAX) return;
  c->hosts[c->count] = log2(hosts);
  c->simulated[c->count] = log2(over);
  c->formula[c->count++] = log2(over * formula / seconds);
}

static void draw(const panel *p, int index) {
  ddla_chart_panel made = {.title = p->network, .unit = "log2(time / least)"};
  for (int i = 0; i < p->curve_count; i++) {
    const curve *c = &p->curve[i];
    made.line[made.line_count++] =
        (ddla_chart_line){.x = c->hosts, .y = c->simulated, .count = c->count, .colour = i};
    made.line[made.line_count++] = (ddla_chart_line){
        .x = c->hosts, .y = c->formula, .count = c->count, .colour = i + 4, .dashed = true};
  }
  const double width = WIDTH / 3.0;
  ddla_chart_draw(stdout, &made,
                  (ddla_chart_box){index * width, HEAD_HEIGHT, width - 8, PANEL_HEIGHT - 14});
}

static void draw_legend(const panel *p) {
  char style[96], text[64];
  for (int i = 0; i < p->curve_count; i++) {
    snprintf(style, sizeof style, "font-size=\"13\" fill=\"%s\"", ddla_chart_colour(i));
    snprintf(text, sizeof text, "%.2f MiB, simulated", p->curve[i].mebibytes);
    ddla_chart_text(stdout, 62 + i * 300, 20, style, text);
    snprintf(style, sizeof style, "font-size=\"13\" fill=\"%s\"", ddla_chart_colour(i + 4));
    ddla_chart_text(stdout, 62 + i * 300, 38, style, "by the formula (dashed)");
  }
}

int main(void) {
  static panel panels[PANELS_MAX];
  char line[256];
  int count = 0;
  while (fgets(line, sizeof line, stdin)) read_line(panels, &count, line);
  ddla_chart_begin(stdout, WIDTH, HEAD_HEIGHT + PANEL_HEIGHT);
  if (count > 0) draw_legend(&panels[0]);
  for (int i = 0; i < count; i++) draw(&panels[i], i);
  ddla_chart_end(stdout);
  return count > 0 ? 0 : 1;
}
