/* ddla data head: the first samples of a data set, as text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/data_kinds.h"
#include "cli/json.h"

enum { COLUMNS = 64, NUMBERS = 12, CHARACTERS = 240, COUNT_MAX = 1 << 20 };

/* Mean of the numbers of a sample's pixels in [y0, y1) x [x0, x1), of 255 or of the largest. */
static double mean_of(const uint8_t *pixels, ddla_data_shape shape, const int64_t box[4]) {
  double sum = 0;
  for (int64_t y = box[0]; y < box[1]; y++)
    for (int64_t x = box[2]; x < box[3]; x++)
      for (int64_t c = 0; c < shape.channels; c++)
        sum += pixels[(y * shape.width + x) * shape.channels + c];
  return sum / (double)((box[1] - box[0]) * (box[3] - box[2]) * shape.channels);
}

/* A character of a terminal is about twice as high as wide. */
static void print_image(const uint8_t *pixels, ddla_data_shape shape) {
  static const char ramp[] = " .:-=+*#%@";
  const int64_t columns = shape.width < COLUMNS ? shape.width : COLUMNS;
  int64_t rows = shape.height * columns / shape.width / 2;
  if (rows < 1) rows = 1;
  for (int64_t r = 0; r < rows; r++) {
    char line[COLUMNS + 1] = "";
    for (int64_t c = 0; c < columns; c++) {
      const int64_t box[4] = {shape.height * r / rows, shape.height * (r + 1) / rows,
                              shape.width * c / columns, shape.width * (c + 1) / columns};
      line[c] = ramp[(int)(mean_of(pixels, shape, box) / 256.0 * (sizeof ramp - 1))];
    }
    size_t length = (size_t)columns;
    while (length > 0 && line[length - 1] == ' ') length--;
    printf("  %.*s\n", (int)length, line);
  }
}

static double number_at(const ddla_dataset *set, const void *sample, int64_t index) {
  return ddla_dataset_type(set) == DDLA_DATA_UINT8 ? ((const uint8_t *)sample)[index]
                                                   : (double)((const float *)sample)[index];
}

static void print_numbers(const ddla_dataset *set, const void *sample, int64_t count) {
  fputs("  ", stdout);
  for (int64_t i = 0; i < count && i < NUMBERS; i++)
    printf("%s%.7g", i ? " " : "", number_at(set, sample, i));
  puts(count > NUMBERS ? " ..." : "");
}

static int64_t features_of(ddla_data_shape shape) {
  return shape.height * shape.width * shape.channels;
}

static void print_sample(const ddla_dataset *set, int64_t index) {
  const ddla_data_shape shape = ddla_dataset_shape(set);
  const void *sample = ddla_dataset_features(set, index);
  const int32_t label = ddla_dataset_label(set, index);
  if (label >= 0) printf("sample %" PRId64 ": %s\n", index, ddla_dataset_class_name(set, label));
  else printf("sample %" PRId64 "\n", index);
  if (ddla_dataset_type(set) == DDLA_DATA_UINT8 && shape.height * shape.width > 1)
    print_image(sample, shape);
  else print_numbers(set, sample, features_of(shape));
}

/* A text: its beginning. Windows are of one token. */
static void print_text(const ddla_dataset *set, int64_t count) {
  for (int64_t i = 0; i < ddla_dataset_count(set) && i < count; i++) {
    const uint16_t *token = ddla_dataset_features(set, i);
    fputs(ddla_dataset_class_name(set, *token), stdout);
  }
  putchar('\n');
}

static json_t *sample_json(const ddla_dataset *set, int64_t index) {
  const void *sample = ddla_dataset_features(set, index);
  const int32_t label = ddla_dataset_label(set, index);
  json_t *features = json_array();
  for (int64_t i = 0; i < features_of(ddla_dataset_shape(set)); i++)
    json_array_append_new(features, ddla_dataset_type(set) == DDLA_DATA_UINT8
                                        ? json_integer(((const uint8_t *)sample)[i])
                                        : ddla_json_number(number_at(set, sample, i)));
  return json_pack("{s:I, s:o, s:o}", "index", (json_int_t)index, "class",
                   label < 0 ? json_null() : ddla_json_text(ddla_dataset_class_name(set, label)),
                   "features", features);
}

static json_t *token_json(const ddla_dataset *set, int64_t index) {
  const uint16_t *token = ddla_dataset_features(set, index);
  return json_pack("{s:I, s:o}", "index", (json_int_t)index, "token",
                   ddla_json_text(ddla_dataset_class_name(set, *token)));
}

static ddla_status show(const ddla_data_call *call, ddla_data_part part, int64_t count) {
  const ddla_dataset *set = call->sets[part];
  json_t *samples = call->json ? json_array() : NULL;
  if (!set)
    return DDLA_FAIL(INVALID, "%s has no part %s", call->path, ddla_prepared_part_name(part));
  const bool text = ddla_dataset_type(set) == DDLA_DATA_TOKENS;
  if (!call->json && text) print_text(set, count * CHARACTERS);
  for (int64_t i = 0; i < count && i < ddla_dataset_count(set); i++) {
    if (call->json) json_array_append_new(samples, text ? token_json(set, i) : sample_json(set, i));
    else if (!text) print_sample(set, i);
  }
  if (!call->json) return DDLA_OK;
  return ddla_json_print(
      json_pack("{s:s, s:o}", "part", ddla_prepared_part_name(part), "samples", samples));
}

ddla_status ddla_data_head(int argc, char **argv) {
  ddla_data_call call = {.trusts_features = true}; /* a few samples are looked at, not all hashed */
  const char *part_text = NULL, *count_text = NULL;
  ddla_data_part part = DDLA_DATA_TRAIN;
  int64_t count = 0;
  const ddla_words_option options[] = {{"--count", "-n", &count_text, NULL},
                                       {"--part", NULL, &part_text, NULL}};
  ddla_status status =
      ddla_data_call_read(&call, argc, argv, options, sizeof options / sizeof options[0]);
  if (status == DDLA_OK)
    status = ddla_data_call_number(&count, "--count", count_text, 3, COUNT_MAX);
  if (status == DDLA_OK) status = ddla_data_call_part(&part, "--part", part_text, DDLA_DATA_TRAIN);
  if (status == DDLA_OK) status = ddla_data_call_open(&call);
  if (status == DDLA_OK) status = show(&call, part, count);
  ddla_data_call_fini(&call);
  return status;
}
