/* Writes a prepared set of Fashion-MNIST's training images as float32, several times over, each
 * copy moved by another number of pixels: data of any size that are real.
 *
 *   tiers_shifted SOURCE COPIES DIRECTORY */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/prepared/prepared.h"

typedef struct making {
  const ddla_dataset *from;
  int64_t copies;
} making;

static making all; /* what a format's read has no argument for */

/* Copy c is moved by so many pixels. */
static int64_t across(int64_t c) { return (c + 1) % 3 - 1; }
static int64_t down(int64_t c) { return (c / 3 + 1) % 3 - 1; }

static void shift(float *out, const uint8_t *in, ddla_data_shape shape, int64_t copy) {
  for (int64_t y = 0; y < shape.height; y++)
    for (int64_t x = 0; x < shape.width; x++) {
      const int64_t from_y = y - down(copy), from_x = x - across(copy);
      const bool inside =
          from_y >= 0 && from_y < shape.height && from_x >= 0 && from_x < shape.width;
      out[y * shape.width + x] = inside ? (float)in[from_y * shape.width + from_x] / 255.0f : 0;
    }
}

static ddla_status read_copies(ddla_dataset *set, const ddla_data_source *source) {
  const ddla_data_shape shape = ddla_dataset_shape(all.from);
  const int64_t count = ddla_dataset_count(all.from), pixels = shape.height * shape.width;
  ddla_data_records records = {
      .type = DDLA_DATA_FLOAT32, .shape = shape, .count = count * all.copies, .labelled = true};
  DDLA_TRY(ddla_dataset_make(&records, set, source));
  for (int64_t i = 0; i < records.count; i++) {
    shift((float *)records.features + i * pixels, ddla_dataset_features(all.from, i % count), shape,
          i / count);
    records.label[i] = ddla_dataset_label(all.from, i % count);
  }
  return DDLA_OK;
}

static const ddla_data_format format = {
    .name = "shifted", .looks_for = "nothing", .needs_no_file = true, .read = read_copies};

static ddla_status write_copies(const char *path, const char *directory) {
  const ddla_data_format *const formats[] = {&format};
  const ddla_data_source from = {.path = path};
  const ddla_data_source made = {
      .path = ".", .format = "shifted", .formats = formats, .format_count = 1};
  ddla_dataset *source = NULL, *sets[DDLA_PREPARED_PARTS] = {NULL};
  DDLA_TRY(ddla_dataset_open(&source, &from));
  all.from = source;
  ddla_status status = ddla_dataset_open(&sets[DDLA_DATA_TRAIN], &made);
  if (status == DDLA_OK) status = ddla_prepared_write(directory, sets, &(ddla_prepared_options){0});
  ddla_dataset_close(sets[DDLA_DATA_TRAIN]);
  ddla_dataset_close(source);
  return status;
}

int main(int count, char **text) {
  if (count != 4) return 2;
  all.copies = strtol(text[2], NULL, 10);
  if (write_copies(text[1], text[3]) == DDLA_OK) return 0;
  fprintf(stderr, "tiers_shifted: %s\n", ddla_status_message(DDLA_INTERNAL));
  return 1;
}
