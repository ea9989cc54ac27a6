/* ddla plot: the course of one or several runs as a picture. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "chart/chart.h"
#include "cli/command.h"
#include "cli/words.h"

enum { RUNS_MAX = 24, PATH_BYTES = 4096, PANELS = 6, METRICS_BYTES_MAX = 1 << 30 };
enum { WIDTH = 1000, PANEL_HEIGHT = 230, HEAD_HEIGHT = 44, LEGEND_HEIGHT = 18 };

/* What is drawn: one panel, from a key of metrics.jsonl, and dashed from a second one. */
typedef struct panel_row {
  const char *title, *unit, *key, *dashed_key;
  double factor;
  bool from_zero;
} panel_row;

static const panel_row panels[PANELS] = {
    {"Loss", "dashed: validation", "loss", "validation_loss", 1, false},
    {"Accuracy", "%, dashed: validation", "accuracy", "validation_accuracy", 100, false},
    {"Learning rate", "", "learning_rate", NULL, 1, true},
    {"Speed", "samples/s", "samples_per_second", NULL, 1, true},
    {"Waiting", "% of the lanes' time", "waiting", NULL, 100, true},
    {"Time", "s since the start", "seconds", NULL, 1, true},
};

/* One run: a column of numbers for each key. */
typedef struct plot_run {
  const char *name;
  int count;
  double *epoch, *column[PANELS], *dashed[PANELS]; /* [count] */
} plot_run;

static int count_lines(const char *text) {
  int count = 0;
  for (; *text; text++) count += *text == '\n';
  return count;
}

static double number(const json_t *row, const char *key) {
  const json_t *value = key ? json_object_get(row, key) : NULL;
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static ddla_status make_columns(plot_run *run, int rows) {
  DDLA_TRY(DDLA_NEW(run->epoch, rows + 1));
  for (int p = 0; p < PANELS; p++) {
    DDLA_TRY(DDLA_NEW(run->column[p], rows + 1));
    DDLA_TRY(DDLA_NEW(run->dashed[p], rows + 1));
  }
  return DDLA_OK;
}

/* A last row that is still being written is left out. */
static void read_rows(plot_run *run, char *text) {
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    json_t *row = json_loads(line, 0, NULL);
    if (!row) continue;
    int i = run->count++;
    run->epoch[i] = number(row, "epoch");
    for (int p = 0; p < PANELS; p++) {
      run->column[p][i] = panels[p].factor * number(row, panels[p].key);
      run->dashed[p][i] = panels[p].factor * number(row, panels[p].dashed_key);
    }
    json_decref(row);
  }
}

static ddla_status read_run(plot_run *run, const char *directory) {
  char path[PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s/metrics.jsonl", directory);
  run->name = directory;
  DDLA_TRY(ddla_file_read(&text, &bytes, path, METRICS_BYTES_MAX));
  ddla_status status = make_columns(run, count_lines(text));
  if (status == DDLA_OK) read_rows(run, text);
  ddla_free(text);
  if (status == DDLA_OK && run->count == 0)
    return DDLA_FAIL(INVALID, "%s has no row yet; one is written at the end of each epoch", path);
  return status;
}

static void free_run(plot_run *run) {
  ddla_free(run->epoch);
  for (int p = 0; p < PANELS; p++) {
    ddla_free(run->column[p]);
    ddla_free(run->dashed[p]);
  }
}

static bool any_finite(const double *value, int count) {
  for (int i = 0; i < count; i++)
    if (isfinite(value[i])) return true;
  return false;
}

static void draw_panel(FILE *file, const plot_run *run, int runs, int p, double top) {
  ddla_chart_panel panel = {
      .title = panels[p].title, .unit = panels[p].unit, .from_zero = panels[p].from_zero};
  for (int r = 0; r < runs; r++) {
    panel.line[panel.line_count++] = (ddla_chart_line){
        .x = run[r].epoch, .y = run[r].column[p], .count = run[r].count, .colour = r};
    if (any_finite(run[r].dashed[p], run[r].count))
      panel.line[panel.line_count++] = (ddla_chart_line){.x = run[r].epoch,
                                                         .y = run[r].dashed[p],
                                                         .count = run[r].count,
                                                         .colour = r,
                                                         .dashed = true};
  }
  double half = WIDTH / 2.0;
  ddla_chart_draw(file, &panel,
                  (ddla_chart_box){p % 2 * half, top + (double)(p / 2) * PANEL_HEIGHT, half - 8,
                                   PANEL_HEIGHT - 14});
}

static void draw_legend(FILE *file, const plot_run *run, int runs) {
  for (int r = 0; r < runs; r++) {
    double y = 20 + (double)r * LEGEND_HEIGHT;
    fprintf(file, "<path d=\"M62 %.1fh22\" stroke=\"%s\" stroke-width=\"3\"/>\n", y - 4,
            ddla_chart_colour(r));
    ddla_chart_text(file, 92, y, "font-size=\"12\" fill=\"#374151\"", run[r].name);
  }
  ddla_chart_text(file, WIDTH - 20, 20, "font-size=\"11\" fill=\"#6b7280\" text-anchor=\"end\"",
                  "over epochs");
}

static ddla_status write_picture(const plot_run *run, int runs, const char *path) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for a picture");
  double top = HEAD_HEIGHT + (double)(runs - 1) * LEGEND_HEIGHT;
  ddla_chart_begin(file, WIDTH, top + PANELS / 2.0 * PANEL_HEIGHT);
  draw_legend(file, run, runs);
  for (int p = 0; p < PANELS; p++) draw_panel(file, run, runs, p, top);
  ddla_chart_end(file);
  ddla_status status =
      fclose(file) == 0 ? DDLA_OK : DDLA_FAIL(NO_MEMORY, "no memory for a picture");
  if (status == DDLA_OK && path) status = ddla_file_write(path, text, bytes);
  else if (status == DDLA_OK) fwrite(text, 1, bytes, stdout);
  free(text); /* made by open_memstream */
  return status;
}

static ddla_status plot(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  const char *out = NULL;
  plot_run run[RUNS_MAX] = {{0}};
  ddla_status status = DDLA_OK;
  const ddla_words_option options[] = {{"--out", "-o", &out, NULL}};
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, options, sizeof options / sizeof options[0]));
  if (words.other_count < 1 || words.other_count > RUNS_MAX || words.set_count > 0)
    return DDLA_FAIL(
        INVALID, "ddla plot takes 1 to %d run directories; `ddla plot --help` says more", RUNS_MAX);
  for (int r = 0; r < words.other_count && status == DDLA_OK; r++)
    status = read_run(&run[r], words.other[r]);
  if (status == DDLA_OK) status = write_picture(run, words.other_count, out);
  for (int r = 0; r < words.other_count; r++) free_run(&run[r]);
  return status;
}

const ddla_command ddla_command_plot = {
    .name = "plot",
    .arguments = "RUN... [--out FILE.svg]",
    .summary = "draws loss, accuracy, learning rate, speed and waiting of runs as SVG",
    .help = "  -o, --out FILE     into this file; else to standard output\n\n"
            "Several runs are drawn over each other, over epochs.\n",
    .run = plot};
