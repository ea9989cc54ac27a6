/* The classification report, for people and as JSON. */
#include <inttypes.h>
#include <stdbool.h>

#include "task/metrics.h"

typedef struct class_name {
  char text[96];
} class_name;

static class_name name_of(const char *const *names, int64_t index) {
  class_name out = {.text = ""};
  if (names) snprintf(out.text, sizeof out.text, "%s", names[index]);
  else snprintf(out.text, sizeof out.text, "%" PRId64, index);
  return out;
}

/* Characters on the terminal: bytes that do not continue a UTF-8 sequence. */
static int width_of(const char *text) {
  int width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

static void print_name(FILE *file, const char *name, int width) {
  fprintf(file, "%*s%s ", width - width_of(name), "", name);
}

static void print_row(FILE *file, const char *name, int width, const ddla_metrics_row *row) {
  print_name(file, name, width);
  fprintf(file, " %9.4f %9.4f %9.4f %9" PRId64 "\n", row->precision, row->recall, row->f1,
          row->support);
}

void ddla_metrics_print(FILE *file, const int64_t *counts, int64_t classes,
                        const char *const *names) {
  int width = width_of("weighted avg");
  for (int64_t c = 0; c < classes; c++)
    if (width_of(name_of(names, c).text) > width) width = width_of(name_of(names, c).text);
  print_name(file, "", width);
  fprintf(file, " %9s %9s %9s %9s\n\n", "precision", "recall", "f1-score", "support");
  for (int64_t c = 0; c < classes; c++) {
    const ddla_metrics_row row = ddla_metrics_class(counts, classes, c);
    print_row(file, name_of(names, c).text, width, &row);
  }
  fputc('\n', file);
  print_name(file, "accuracy", width);
  fprintf(file, " %9s %9s %9.4f %9" PRId64 "\n", "", "", ddla_metrics_accuracy(counts, classes),
          ddla_metrics_samples(counts, classes));
  const ddla_metrics_row macro = ddla_metrics_macro(counts, classes);
  const ddla_metrics_row weighted = ddla_metrics_weighted(counts, classes);
  print_row(file, "macro avg", width, &macro);
  print_row(file, "weighted avg", width, &weighted);
}

static json_t *mean_json(const ddla_metrics_row *row) {
  return json_pack("{s:f, s:f, s:f}", "precision", row->precision, "recall", row->recall, "f1",
                   row->f1);
}

static json_t *classes_json(const int64_t *counts, int64_t classes, const char *const *names) {
  json_t *list = json_array();
  for (int64_t c = 0; list && c < classes; c++) {
    const ddla_metrics_row row = ddla_metrics_class(counts, classes, c);
    json_t *item = json_pack("{s:s, s:f, s:f, s:f, s:I}", "name", name_of(names, c).text,
                             "precision", row.precision, "recall", row.recall, "f1", row.f1,
                             "support", (json_int_t)row.support);
    if (json_array_append_new(list, item) == 0) continue;
    json_decref(list);
    list = NULL;
  }
  return list;
}

static json_t *confusion_json(const int64_t *confusion, int64_t classes) {
  json_t *rows = json_array();
  for (int64_t r = 0; rows && r < classes; r++) {
    json_t *row = json_array();
    bool failed = !row;
    for (int64_t c = 0; !failed && c < classes; c++)
      failed = json_array_append_new(row, json_integer(confusion[r * classes + c])) != 0;
    if (!failed && json_array_append_new(rows, row) == 0) continue;
    if (failed) json_decref(row);
    json_decref(rows);
    rows = NULL;
  }
  return rows;
}

static ddla_status check_names(int64_t classes, const char *const *names) {
  for (int64_t c = 0; names && c < classes; c++) {
    json_t *text = json_string(name_of(names, c).text);
    if (!text) return DDLA_FAIL(INVALID, "the name of class %" PRId64 " is not valid UTF-8", c);
    json_decref(text);
  }
  return DDLA_OK;
}

ddla_status ddla_metrics_json(json_t **out, const int64_t *counts, int64_t classes,
                              const char *const *names) {
  const ddla_metrics_row macro = ddla_metrics_macro(counts, classes);
  const ddla_metrics_row weighted = ddla_metrics_weighted(counts, classes);
  const int64_t *confusion = ddla_metrics_confusion(counts, classes);
  DDLA_TRY(check_names(classes, names));
  json_t *made = json_pack(
      "{s:f, s:I, s:o, s:o, s:o}", "accuracy", ddla_metrics_accuracy(counts, classes), "samples",
      (json_int_t)ddla_metrics_samples(counts, classes), "macro", mean_json(&macro), "weighted",
      mean_json(&weighted), "classes", classes_json(counts, classes, names));
  if (made && confusion &&
      json_object_set_new(made, "confusion", confusion_json(confusion, classes)) != 0) {
    json_decref(made);
    made = NULL;
  }
  if (!made)
    return DDLA_FAIL(NO_MEMORY, "no memory for the report of %" PRId64 " classes", classes);
  *out = made;
  return DDLA_OK;
}
