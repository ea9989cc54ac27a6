/* What a run of a comparison left: its report, and its course from metrics.jsonl. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "cli/compare_parts.h"

enum { REPORT_BYTES_MAX = 64 << 20, METRICS_BYTES_MAX = 1 << 30 };
enum { SECONDS, SAMPLES, BYTES, LOSS, METRIC };

static double number(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* A number, or the mean of something that has one. */
static double mean_of(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_object(value) ? number(value, "mean") : number(object, key);
}

static bool is_word(const json_t *object, const char *key, const char *word) {
  const char *text = json_string_value(json_object_get(object, key));
  return text && strcmp(text, word) == 0;
}

/* Null: there is none, or it cannot be read. */
static json_t *load_report(const char *directory) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  if (ddla_file_read(&text, &bytes, ddla_run_path(path, directory, "report.json"),
                     REPORT_BYTES_MAX) != DDLA_OK)
    return NULL;
  json_t *report = json_loadb(text, bytes, 0, NULL);
  ddla_free(text);
  return report;
}

bool ddla_compare_is_over(const ddla_compare_run *run, const ddla_compare_call *call) {
  json_t *report = load_report(run->directory);
  const bool done = is_word(report, "status", "done");
  const bool had_its_time = call->seconds > 0 && is_word(report, "status", "interrupted") &&
                            number(json_object_get(report, "train"), "seconds") >= call->seconds;
  json_decref(report);
  return done || had_its_time;
}

static ddla_compare_figures read_report(const json_t *report, const ddla_compare_call *call) {
  const json_t *train = json_object_get(report, "train"), *hosts = json_object_get(report, "hosts");
  ddla_compare_figures f = {.seconds = number(train, "seconds"),
                            .samples = number(train, "samples"),
                            .steps = number(train, "steps"),
                            .samples_per_second = number(train, "samples_per_second"),
                            .waited = NAN};
  const double agents = number(json_object_get(report, "parallel"), "agents");
  const double sent = number(hosts, "bytes_sent");
  if (number(hosts, "count") > 1) f.waited = number(hosts, "exposed_seconds") / f.seconds;
  f.lanes_waiting = number(json_object_get(report, "time"), "waiting");
  f.compute = number(json_object_get(report, "time"), "compute") * f.seconds / f.samples;
  f.agent_bytes = sent / agents;
  f.sample_bytes = sent / f.samples;
  f.staleness = mean_of(json_object_get(report, "sync"), "staleness");
  f.test = number(json_object_get(report, "test"), call->rule.metric);
  return f;
}

/* A row says what the first host has sent; an agent's mean differs by this factor. */
static double bytes_factor(const json_t *report, double agent_bytes) {
  const json_t *first = json_array_get(json_object_get(report, "agents"), 0);
  const double sent = number(first, "bytes_sent");
  return sent > 0 ? agent_bytes / sent : 0;
}

static int count_lines(const char *text) {
  int count = 0;
  for (; *text; text++) count += *text == '\n';
  return count;
}

static void take_row(ddla_compare_run *run, int i, const json_t *row, const char *metric) {
  char key[80];
  snprintf(key, sizeof key, "validation_%s", metric);
  run->column[SECONDS][i] = number(row, "seconds");
  run->column[SAMPLES][i] = number(row, "samples");
  run->column[BYTES][i] = number(row, "bytes_sent");
  run->column[LOSS][i] = number(row, "validation_loss");
  run->column[METRIC][i] = number(row, key);
}

static ddla_status read_rows(int *count, ddla_compare_run *run, char *text, const char *metric) {
  const int lines = count_lines(text);
  for (int c = 0; c < DDLA_COMPARE_COLUMNS; c++) DDLA_TRY(DDLA_NEW(run->column[c], lines + 1));
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    json_t *row = json_loads(line, 0, NULL);
    if (!row)
      return DDLA_FAIL(CORRUPT, "%s/metrics.jsonl holds a row that is no JSON", run->directory);
    take_row(run, (*count)++, row, metric);
    json_decref(row);
  }
  return DDLA_OK;
}

static ddla_status read_metrics(ddla_compare_run *run, ddla_contender *contender, double factor,
                                const char *metric) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  int count = 0;
  DDLA_TRY(ddla_file_read(&text, &bytes, ddla_run_path(path, run->directory, "metrics.jsonl"),
                          METRICS_BYTES_MAX));
  ddla_status status = read_rows(&count, run, text, metric);
  ddla_free(text);
  DDLA_TRY(status);
  for (int i = 0; i < count; i++) run->column[BYTES][i] *= factor;
  contender->curve = (ddla_curve){.seconds = run->column[SECONDS],
                                  .samples = run->column[SAMPLES],
                                  .bytes = run->column[BYTES],
                                  .loss = run->column[LOSS],
                                  .metric = run->column[METRIC],
                                  .count = count};
  return DDLA_OK;
}

ddla_status ddla_compare_read(ddla_compare_run *run, ddla_contender *contender,
                              const ddla_compare_call *call) {
  json_t *report = load_report(run->directory);
  if (!report) return DDLA_FAIL(CORRUPT, "%s/report.json is damaged; remove it", run->directory);
  run->figures = read_report(report, call);
  const double factor = bytes_factor(report, run->figures.agent_bytes);
  json_decref(report);
  run->state = DDLA_COMPARE_DONE;
  return read_metrics(run, contender, factor, call->rule.metric);
}
