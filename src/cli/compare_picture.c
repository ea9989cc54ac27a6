/* Loss and metric of compared methods over time, and over what an agent has sent. */
#include <math.h>

#include "chart/chart.h"
#include "cli/compare_parts.h"

enum { WIDTH = 1000, PANEL_HEIGHT = 260, LEGEND_HEIGHT = 18, HEAD_HEIGHT = 30, PANELS = 4 };

/* Panel p: the metric in the second column, over bytes in the second row. */
static void draw_panel(FILE *file, const ddla_compare_call *call, int p, double top) {
  const bool metric = p % 2 == 1, bytes = p / 2 == 1;
  char title[128];
  snprintf(title, sizeof title, "Validation %s over %s", metric ? call->rule.metric : "loss",
           bytes ? "bytes sent by an agent" : "seconds");
  ddla_chart_panel panel = {.title = title, .unit = "", .fine = true};
  for (int i = 0; i < call->entries.count; i++) {
    const ddla_curve *curve = &call->contender[i].curve;
    if (curve->count == 0) continue;
    panel.line[panel.line_count++] = (ddla_chart_line){.x = bytes ? curve->bytes : curve->seconds,
                                                       .y = metric ? curve->metric : curve->loss,
                                                       .count = curve->count,
                                                       .colour = i,
                                                       .dashed = i >= DDLA_CHART_COLOURS};
  }
  const double half = WIDTH / 2.0;
  ddla_chart_draw(file, &panel,
                  (ddla_chart_box){p % 2 * half, top + p / 2 * (double)PANEL_HEIGHT, half - 8,
                                   PANEL_HEIGHT - 14});
}

void ddla_compare_draw(FILE *file, const ddla_compare_call *call) {
  double y = HEAD_HEIGHT - 10;
  const double top = HEAD_HEIGHT + (double)call->entries.count * LEGEND_HEIGHT;
  ddla_chart_begin(file, WIDTH, top + PANELS / 2.0 * PANEL_HEIGHT);
  for (int i = 0; i < call->entries.count; i++) {
    if (call->contender[i].curve.count == 0) continue;
    fprintf(file, "<path d=\"M62 %.1fh22\" stroke=\"%s\" stroke-width=\"3\"%s/>\n", y - 4,
            ddla_chart_colour(i), i >= DDLA_CHART_COLOURS ? " stroke-dasharray=\"5 4\"" : "");
    ddla_chart_text(file, 92, y, "font-size=\"12\" fill=\"#374151\"", call->entries.at[i].name);
    y += LEGEND_HEIGHT;
  }
  for (int p = 0; p < PANELS; p++) draw_panel(file, call, p, top);
  ddla_chart_end(file);
}
