#include "train/run/holdings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "chart/bars.h"
#include "train/feed/owned.h"
#include "train/feed/supply.h"
#include "train/run/run.h"

enum { SHOWN = 8 /* labels in a line */, WIDTH = 860, LINE_BYTES = 640, NAME_BYTES = 24 };

/* Samples by part and label; of texts and targets, which have no labels, all are of one. */
typedef struct holdings {
  int parts, labels;
  int64_t *count; /* [parts][labels] */
} holdings;

static bool is_labelled(const ddla_training *training) {
  return !training->task->add && ddla_dataset_type(training->train) != DDLA_DATA_TOKENS;
}

static const char *label_name(const ddla_training *training, int label) {
  return is_labelled(training) ? training->class_names[label] : "samples";
}

static ddla_status count(holdings *out, const ddla_training *training) {
  const ddla_parts *parts = training->parts;
  holdings made = {.parts = parts->count, .labels = 1};
  if (is_labelled(training)) made.labels = ddla_dataset_classes(training->whole);
  DDLA_TRY(DDLA_NEW(made.count, (int64_t)made.parts * made.labels));
  if (is_labelled(training) && training->owned)
    ddla_owned_counts(made.count, training, made.labels);
  else if (is_labelled(training)) ddla_parts_count(made.count, parts, training->train, made.labels);
  else memcpy(made.count, parts->own, (size_t)made.parts * sizeof *made.count);
  *out = made;
  return DDLA_OK;
}

static int64_t shared_with(const ddla_parts *parts, int part) {
  return parts->first[part + 1] - parts->first[part] - parts->own[part];
}

/* ---- lines ---- */

/* The label with most samples behind those of `last` samples, and of these behind label `at`; -1:
 * none has any. */
static int next_label(const int64_t *count, int labels, int64_t last, int at) {
  int found = -1;
  for (int l = 0; l < labels; l++) {
    const bool behind = count[l] < last || (count[l] == last && l > at);
    if (count[l] > 0 && behind && (found < 0 || count[l] > count[found])) found = l;
  }
  return found;
}

/* "7500 samples: Bag 5012, Shirt 2488"; only the labels of which there are most. */
static void describe(char line[LINE_BYTES], const ddla_training *training, const holdings *of,
                     int part) {
  const int64_t *held = of->count + (int64_t)part * of->labels;
  const ddla_parts *parts = training->parts;
  int used = snprintf(line, LINE_BYTES, "%" PRId64 " samples", parts->own[part]), left = 0;
  if (shared_with(parts, part) > 0)
    used += snprintf(line + used, (size_t)(LINE_BYTES - used), ", %" PRId64 " shared besides",
                     shared_with(parts, part));
  for (int l = 0; l < of->labels; l++) left += held[l] > 0;
  int64_t last = INT64_MAX;
  for (int i = 0, at = -1; is_labelled(training) && i < SHOWN && left > 0; i++, left--) {
    at = next_label(held, of->labels, last, at);
    last = held[at];
    used += snprintf(line + used, (size_t)(LINE_BYTES - used), "%s %.32s %" PRId64,
                     i == 0 ? ":" : ",", label_name(training, at), held[at]);
  }
  if (is_labelled(training) && left > 0)
    snprintf(line + used, (size_t)(LINE_BYTES - used), ", and of %d more labels", left);
}

static const char *part_word(const ddla_training *training) {
  return ddla_supply_replicas(training) ? "replica" : "part";
}

void ddla_holdings_print(FILE *file, const ddla_training *training) {
  holdings of = {0};
  char line[LINE_BYTES];
  if (!training->parts || count(&of, training) != DDLA_OK) return; /* a report without it */
  fprintf(file, "parts of data    %s\n", training->parts->kind->name);
  for (int p = 0; p < of.parts; p++) {
    describe(line, training, &of, p);
    fprintf(file, "  %-7s %-6d %s\n", part_word(training), p, line);
  }
  ddla_free(of.count);
}

static void write_log(const ddla_training *training, const holdings *of) {
  char line[LINE_BYTES];
  for (int p = 0; p < of->parts; p++) {
    describe(line, training, of, p);
    ddla_log_line(DDLA_LOG_INFO, "%s %d owns %s (%s)", part_word(training), p, line,
                  training->parts->kind->name);
  }
}

/* ---- JSON ---- */

static json_t *labels_json(const ddla_training *training, const int64_t *held, int labels) {
  json_t *made = json_object();
  for (int l = 0; l < labels; l++)
    if (held[l] > 0)
      json_object_set_new(made, label_name(training, l), json_integer((json_int_t)held[l]));
  return made;
}

json_t *ddla_holdings_json(const ddla_training *training) {
  const ddla_parts *parts = training->parts;
  holdings of = {0};
  if (count(&of, training) != DDLA_OK) return NULL;
  json_t *replicas = json_array();
  for (int p = 0; p < of.parts; p++) {
    json_t *one = json_pack("{s:i, s:I, s:I}", "replica", p, "samples", (json_int_t)parts->own[p],
                            "shared", (json_int_t)shared_with(parts, p));
    if (is_labelled(training))
      json_object_set_new(one, "labels",
                          labels_json(training, of.count + (int64_t)p * of.labels, of.labels));
    json_array_append_new(replicas, one);
  }
  ddla_free(of.count);
  return json_pack("{s:s, s:o}", "kind", parts->kind->name, "replicas", replicas);
}

/* ---- the picture ---- */

static ddla_status draw(FILE *file, const ddla_training *training, const holdings *of) {
  char name[DDLA_PARTS_MAX][NAME_BYTES], title[128];
  const char *rows[DDLA_PARTS_MAX], **labels = NULL;
  double *value = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(value, (int64_t)of->parts * of->labels));
  DDLA_TRY_CLEAN(status, DDLA_NEW(labels, of->labels));
  for (int i = 0; i < of->parts * of->labels; i++) value[i] = (double)of->count[i];
  for (int l = 0; l < of->labels; l++) labels[l] = label_name(training, l);
  for (int p = 0; p < of->parts; p++) {
    snprintf(name[p], NAME_BYTES, "%s %d", part_word(training), p);
    rows[p] = name[p];
  }
  snprintf(title, sizeof title, "Who owns what (%s)", training->parts->kind->name);
  const ddla_chart_bars bars = {title, "samples", of->parts, of->labels, value, rows, labels};
  const double height = ddla_chart_bars_height(&bars, WIDTH);
  ddla_chart_begin(file, WIDTH, height);
  ddla_chart_bars_draw(file, &bars, (ddla_chart_box){0, 0, WIDTH, height});
  ddla_chart_end(file);
cleanup:
  ddla_free(labels);
  ddla_free(value);
  return status;
}

static ddla_status write_picture(const ddla_training *training, const holdings *of,
                                 const char *directory) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for a picture");
  ddla_status status = draw(file, training, of);
  if (fclose(file) != 0 && status == DDLA_OK)
    status = DDLA_FAIL(NO_MEMORY, "no memory for a picture");
  if (status == DDLA_OK)
    status = ddla_file_write(ddla_run_path(path, directory, "partition.svg"), text, bytes);
  free(text); /* made by open_memstream */
  return status;
}

ddla_status ddla_holdings_open(const ddla_training *training, const char *directory) {
  holdings of = {0};
  if (!training->parts) return DDLA_OK;
  DDLA_TRY(count(&of, training));
  write_log(training, &of);
  ddla_status status = write_picture(training, &of, directory);
  ddla_free(of.count);
  return status;
}
