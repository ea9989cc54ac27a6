/* ddla predict: what a trained model takes images, or rows of a table, for. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/predict_text.h"
#include "cli/trained.h"
#include "data/file.h"
#include "data/format/csv.h"
#include "data/format/image.h"

enum { LISTED_MAX = 4 }; /* failures told in full */

/* Samples to predict, one after another, and where they come from. */
typedef struct sample_list {
  uint8_t *records;
  const char *const *paths; /* [count]; null: rows of csv */
  const char *csv;
  int64_t count;
} sample_list;

/* What is printed about them. */
typedef struct answer_form {
  int top;
  bool json;
} answer_form;

static size_t record_bytes(const ddla_description *description) {
  ddla_data_shape shape = description->shape;
  size_t each = description->type == DDLA_DATA_UINT8 ? sizeof(uint8_t) : sizeof(float);
  return (size_t)(shape.height * shape.width * shape.channels) * each;
}

/* Reads all images, so that all that cannot be read are told at once. */
static ddla_status read_images(sample_list *list, const ddla_description *description) {
  size_t bytes = record_bytes(description), used = 0;
  char words[DDLA_STATUS_TEXT_BYTES - 128] = "";
  int64_t failed = 0;
  ddla_failure failure = {.code = DDLA_OK};
  for (int64_t i = 0; i < list->count; i++) {
    ddla_status status =
        ddla_image_read(list->records + (size_t)i * bytes, description->shape, list->paths[i]);
    if (status == DDLA_OK) continue;
    ddla_status_take(&failure, status);
    if (failed++ < LISTED_MAX && used < sizeof words)
      used += (size_t)snprintf(words + used, sizeof words - used, "\n  %s", failure.text);
  }
  if (failed <= 1) return ddla_status_raise(&failure);
  return DDLA_FAIL(INVALID, "%" PRId64 " of %" PRId64 " images cannot be used:%s%s", failed,
                   list->count, words, failed > LISTED_MAX ? "\n  and more" : "");
}

/* Columns of a table's first row. */
static ddla_status count_columns(int *out, const char *path) {
  ddla_data_block block = {0};
  ddla_csv_field field;
  bool last = false;
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_data_file_load(&block, path, ddla_data_memory_private()));
  ddla_csv_cursor cursor = ddla_csv_start((const char *)block.data, block.bytes, 0, path);
  int columns = 0;
  if (ddla_csv_next_row(&cursor))
    for (; !last && status == DDLA_OK; columns++)
      status = ddla_csv_next_field(&field, &last, &cursor);
  ddla_data_block_release(&block);
  if (status == DDLA_OK) *out = columns;
  return status;
}

/* A table with the model's columns, or with the label's column besides, which is not looked at. */
static ddla_status open_csv(ddla_dataset **out, const ddla_trained *trained, const char *path) {
  ddla_data_shape shape = trained->description.shape;
  int features = (int)(shape.height * shape.width * shape.channels), columns = 0;
  DDLA_TRY(count_columns(&columns, path));
  if (columns != features && columns != features + 1)
    return DDLA_FAIL(INVALID,
                     "%s has %d columns; the model takes %d numbers for each sample (one column "
                     "more may hold labels)",
                     path, columns, features);
  ddla_data_source source = ddla_training_source(
      trained->job, ddla_inference_plugins(trained->inference), path, DDLA_DATA_TEST);
  source.format = "csv";
  source.shape = shape;
  if (columns == features) source.label_column = "none";
  return ddla_dataset_open(out, &source);
}

static ddla_status check_kind(const ddla_description *description, const char *csv) {
  ddla_data_shape shape = description->shape;
  bool image = description->type == DDLA_DATA_UINT8;
  if (description->type == DDLA_DATA_TOKENS)
    return DDLA_FAIL(INVALID, "this model continues texts; give the beginning with --prompt TEXT "
                              "and no files");
  if (image && csv)
    return DDLA_FAIL(INVALID,
                     "this model takes images of %" PRId64 " x %" PRId64 " pixels, not tables; "
                     "give image files instead of --csv",
                     shape.height, shape.width);
  if (!image && !csv)
    return DDLA_FAIL(INVALID,
                     "this model takes rows of %" PRId64 " numbers, not images; give them with "
                     "--csv FILE",
                     shape.height * shape.width * shape.channels);
  return DDLA_OK;
}

/* The `top` most probable classes into chosen, the first of equal ones first. */
static void choose_top(int64_t *chosen, int top, const double *probability, int64_t classes) {
  for (int k = 0; k < top; k++) {
    chosen[k] = -1;
    for (int64_t c = 0; c < classes; c++) {
      bool taken = false;
      for (int j = 0; j < k; j++) taken |= chosen[j] == c;
      if (!taken && (chosen[k] < 0 || probability[c] > probability[chosen[k]])) chosen[k] = c;
    }
  }
}

static void print_place(const sample_list *list, int64_t i) {
  if (list->paths) printf("%s", list->paths[i]);
  else printf("%s#%" PRId64, list->csv, i + 1);
}

static void print_line(const sample_list *list, const ddla_description *description, int64_t i,
                       const double *probability, const int64_t *chosen, int top) {
  char text[24];
  print_place(list, i);
  for (int k = 0; k < top; k++)
    printf("\t%s\t%.4f", ddla_description_class(description, chosen[k], text, sizeof text),
           probability[chosen[k]]);
  putchar('\n');
}

static json_t *sample_json(const sample_list *list, const ddla_description *description, int64_t i,
                           const double *probability, const int64_t *chosen, int top) {
  json_t *best = json_array();
  char text[24];
  for (int k = 0; best && k < top; k++)
    json_array_append_new(
        best,
        json_pack("{s:o, s:I, s:f}", "label",
                  ddla_json_text(ddla_description_class(description, chosen[k], text, sizeof text)),
                  "class", (json_int_t)chosen[k], "probability", probability[chosen[k]]));
  json_t *made = json_pack("{s:o, s:o}", "file",
                           ddla_json_text(list->paths ? list->paths[i] : list->csv), "top", best);
  if (made && !list->paths) json_object_set_new(made, "row", json_integer(i + 1));
  return made;
}

static ddla_status check_finite(const sample_list *list, const ddla_trained *trained,
                                const double *probability) {
  int64_t classes = trained->description.classes;
  for (int64_t i = 0; i < list->count * classes; i++)
    if (!isfinite(probability[i]))
      return DDLA_FAIL(NON_FINITE, "the model of %s gives no finite numbers for %s%s",
                       trained->path, list->paths ? list->paths[i / classes] : "rows of ",
                       list->paths ? "" : list->csv);
  return DDLA_OK;
}

/* What a model of targets gives: its numbers, in their order. */
static ddla_status print_numbers(const sample_list *list, const ddla_trained *trained,
                                 const double *number, bool json) {
  const int64_t count = trained->description.classes;
  json_t *all = json ? json_array() : NULL;
  for (int64_t i = 0; i < list->count; i++) {
    json_t *row = json ? json_array() : NULL;
    if (!json) print_place(list, i);
    for (int64_t k = 0; k < count; k++)
      if (json) json_array_append_new(row, json_real(number[i * count + k]));
      else printf("\t%.6g", number[i * count + k]);
    if (json)
      json_array_append_new(all, json_pack("{s:o, s:I, s:o}", "file",
                                           ddla_json_text(list->paths ? list->paths[i] : list->csv),
                                           "row", (json_int_t)(i + 1), "numbers", row));
    else putchar('\n');
  }
  if (!json) return DDLA_OK;
  return ddla_json_print(json_pack("{s:o, s:s, s:o}", "model", ddla_json_text(trained->path),
                                   "sha256", trained->sha256, "predictions", all));
}

static ddla_status print(const sample_list *list, const ddla_trained *trained,
                         const double *probability, const answer_form *form) {
  const ddla_description *description = &trained->description;
  int64_t classes = description->classes, *chosen = NULL;
  int top = form->top < classes ? form->top : (int)classes;
  DDLA_TRY(check_finite(list, trained, probability));
  if (description->targets) return print_numbers(list, trained, probability, form->json);
  DDLA_TRY(DDLA_NEW(chosen, top));
  json_t *all = form->json ? json_array() : NULL;
  for (int64_t i = 0; i < list->count; i++) {
    choose_top(chosen, top, probability + i * classes, classes);
    if (form->json)
      json_array_append_new(
          all, sample_json(list, description, i, probability + i * classes, chosen, top));
    else print_line(list, description, i, probability + i * classes, chosen, top);
  }
  ddla_free(chosen);
  if (!form->json) return DDLA_OK;
  return ddla_json_print(json_pack("{s:o, s:s, s:o}", "model", ddla_json_text(trained->path),
                                   "sha256", trained->sha256, "predictions", all));
}

/* The set's records, one after another. */
static ddla_status copy_rows(sample_list *list, const ddla_dataset *set,
                             const ddla_description *description) {
  size_t bytes = record_bytes(description);
  list->count = ddla_dataset_count(set);
  DDLA_TRY(DDLA_NEW(list->records, (size_t)list->count * bytes));
  for (int64_t i = 0; i < list->count; i++)
    memcpy(list->records + (size_t)i * bytes, ddla_dataset_features(set, i), bytes);
  return DDLA_OK;
}

static ddla_status predict(const ddla_trained *trained, sample_list *list,
                           const answer_form *form) {
  const ddla_description *description = &trained->description;
  ddla_dataset *set = NULL;
  double *probability = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, check_kind(description, list->csv));
  if (list->csv) {
    DDLA_TRY_CLEAN(status, open_csv(&set, trained, list->csv));
    DDLA_TRY_CLEAN(status, copy_rows(list, set, description));
  } else {
    DDLA_TRY_CLEAN(status,
                   DDLA_NEW(list->records, (size_t)list->count * record_bytes(description)));
    DDLA_TRY_CLEAN(status, read_images(list, description));
  }
  DDLA_TRY_CLEAN(status, DDLA_NEW(probability, list->count * description->classes));
  DDLA_TRY_CLEAN(
      status, ddla_inference_predict(probability, trained->inference, list->records, list->count));
  DDLA_TRY_CLEAN(status, print(list, trained, probability, form));
cleanup:
  ddla_dataset_close(set);
  ddla_free(list->records);
  ddla_free(probability);
  return status;
}

static ddla_status read_form(answer_form *form, const char *top) {
  int64_t count = 1;
  if (top && (!ddla_text_to_int(&count, top) || count < 1 || count > 1000))
    return DDLA_FAIL(INVALID, "--top %s: expected a whole number from 1 to 1000",
                     ddla_text_quote(top).text);
  form->top = (int)count;
  return DDLA_OK;
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  const char *model = NULL, *top = NULL;
  sample_list list = {0};
  answer_form form = {0};
  ddla_predict_text text = {0};
  ddla_trained trained = {0};
  const ddla_words_option options[] = {
      {"--model", "-m", &model, NULL},        {"--top", "-k", &top, NULL},
      {"--csv", NULL, &list.csv, NULL},       {"--prompt", "-p", &text.prompt, NULL},
      {"--length", NULL, &text.length, NULL}, {"--temperature", NULL, &text.temperature, NULL},
      {"--top-k", NULL, &text.top_k, NULL},   {"--seed", NULL, &text.seed, NULL},
      {"--json", NULL, NULL, &form.json}};
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, options, sizeof options / sizeof options[0]));
  DDLA_TRY(read_form(&form, top));
  const bool is_text = ddla_predict_text_given(&text);
  if (words.other_count < 1 || (words.other_count < 2) == !(list.csv || is_text) ||
      (list.csv && is_text))
    return DDLA_FAIL(INVALID, "ddla predict takes a run directory and then images, or --csv "
                              "FILE, or --prompt TEXT; `ddla predict --help` says more");
  if (!list.csv) list.paths = words.other + 1;
  list.count = words.other_count - 1;
  DDLA_TRY(ddla_trained_open(&trained, &words, words.other[0], model));
  ddla_status status =
      is_text ? ddla_predict_text_run(&trained, &text, form.json) : predict(&trained, &list, &form);
  ddla_trained_fini(&trained);
  return status;
}

const ddla_command ddla_command_predict = {
    .name = "predict",
    .arguments = "RUN IMAGE.png... | RUN --csv FILE | RUN --prompt TEXT",
    .summary =
        "prints what a trained model takes images or rows of a table for, or continues a text",
    .help =
        "  RUN                a run directory (or a job file and --model FILE)\n"
        "  IMAGE.png          images, scaled to the model's size and turned to its channels\n"
        "  --csv FILE         rows of a table instead; a column of labels is not looked at\n"
        "  -k, --top K        the K most probable classes of each, best first [1]\n"
        "  -p, --prompt TEXT  for models of text: the beginning that is continued\n"
        "  --length N         characters to add [200]\n"
        "  --temperature T    below 1 the probable is preferred, 0 takes the most probable [1]\n"
        "  --top-k K          draws among the K most probable characters only; 0: all [0]\n"
        "  --seed N           the same seed gives the same text [1]\n"
        "  -m, --model FILE   another model file than the run's best, average or last\n"
        "  --json             prints JSON\n\n"
        "Each line has the file (FILE#ROW for tables), then class and probability of the best,\n"
        "of the second best and so on, with tabs between them; where samples have targets instead\n"
        "of labels, the numbers that the model gives.\n",
    .run = run};
