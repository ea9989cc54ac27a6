/* Made-up images that need no files, for trying things out and for measuring: every class has a
 * pattern of random blocks of 4 x 4 pixels, every sample is its pattern under noise. The same
 * description gives the same bytes on every machine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/format.h"

enum { SIDE_MAX = 4096, CHANNELS_MAX = 64, BLOCK = 4, TEST_SHARE = 6, WORD_BYTES = 32 };

static const char prefix[] = "synthetic:";
static const uint64_t seed = 0x5379; /* of these samples alone, whatever train.seed is */

/* What a path says. */
typedef struct recipe {
  ddla_data_shape shape;
  int64_t classes, samples;
} recipe;

static ddla_status refuse(const char *path) {
  return DDLA_FAIL(INVALID,
                   "%s: made-up images are named synthetic:HEIGHTxWIDTHxCHANNELS:CLASSES:SAMPLES, "
                   "such as synthetic:28x28x1:10:6000 (at most %dx%dx%d, %d classes)",
                   ddla_text_quote(path).text, SIDE_MAX, SIDE_MAX, CHANNELS_MAX,
                   DDLA_CLASSES_LIMIT);
}

/* Reads a number that ends at `stop`, and moves behind it. */
static bool take(int64_t *out, const char **at, char stop, int64_t most) {
  char word[WORD_BYTES];
  const char *end = stop ? strchr(*at, stop) : *at + strlen(*at);
  if (!end || (size_t)(end - *at) >= sizeof word) return false;
  snprintf(word, sizeof word, "%.*s", (int)(end - *at), *at);
  *at = end + (stop != '\0');
  return ddla_text_to_int(out, word) && *out >= 1 && *out <= most;
}

static ddla_status parse(recipe *out, const char *path) {
  recipe made = {{0}, 0, 0};
  const char *at = path + strlen(prefix);
  if (strncmp(path, prefix, strlen(prefix)) != 0 || !take(&made.shape.height, &at, 'x', SIDE_MAX) ||
      !take(&made.shape.width, &at, 'x', SIDE_MAX) ||
      !take(&made.shape.channels, &at, ':', CHANNELS_MAX) ||
      !take(&made.classes, &at, ':', DDLA_CLASSES_LIMIT) ||
      !take(&made.samples, &at, '\0', INT64_C(1) << 40) || made.classes < 2)
    return refuse(path);
  *out = made;
  return DDLA_OK;
}

static void fill_random(uint8_t *out, int64_t count, uint64_t key) {
  uint32_t four[4];
  for (int64_t i = 0; i < count; i += 16) {
    ddla_rng_philox(four, key, (uint64_t)i / 16, 0);
    for (int64_t j = 0; j < 16 && i + j < count; j++)
      out[i + j] = (uint8_t)(four[j / 4] >> (8 * (j % 4)));
  }
}

/* patterns: [classes, height / BLOCK, width / BLOCK, channels], rounded up */
static ddla_data_shape pattern_shape(const recipe *made) {
  return (ddla_data_shape){.height = (made->shape.height + BLOCK - 1) / BLOCK,
                           .width = (made->shape.width + BLOCK - 1) / BLOCK,
                           .channels = made->shape.channels};
}

/* Adds a pattern to noise: 3 parts to 5. */
static void mix(uint8_t *pixels, const uint8_t *pattern, const recipe *made) {
  ddla_data_shape small = pattern_shape(made), shape = made->shape;
  for (int64_t y = 0; y < shape.height; y++)
    for (int64_t x = 0; x < shape.width; x++)
      for (int64_t c = 0; c < shape.channels; c++) {
        uint8_t *pixel = &pixels[(y * shape.width + x) * shape.channels + c];
        unsigned part = pattern[((y / BLOCK) * small.width + x / BLOCK) * small.channels + c];
        *pixel = (uint8_t)((3 * part + 5u * *pixel) / 8);
      }
}

static ddla_status make_features(ddla_dataset *set, const recipe *made,
                                 const ddla_data_source *source) {
  int64_t each = ddla_data_shape_count(made->shape);
  int64_t small = ddla_data_shape_count(pattern_shape(made));
  uint8_t *patterns = NULL;
  DDLA_TRY(ddla_data_block_make(&set->features_block, (size_t)(set->count * each), source->memory));
  DDLA_TRY(DDLA_NEW(patterns, made->classes * small));
  for (int64_t c = 0; c < made->classes; c++)
    fill_random(patterns + c * small, small, ddla_rng_key(seed, DDLA_PURPOSE_TEST, 0, (uint64_t)c));
  for (int64_t i = 0; i < set->count; i++) {
    uint8_t *pixels = set->features_block.data + i * each;
    fill_random(pixels, each,
                ddla_rng_key(seed, DDLA_PURPOSE_TEST, 1 + (uint64_t)source->part, (uint64_t)i));
    mix(pixels, patterns + set->labels[i] * small, made);
  }
  set->features = set->features_block.data;
  ddla_free(patterns);
  return DDLA_OK;
}

/* Classes take turns, so each has as many samples as another, and all occur where there is room. */
static ddla_status make_labels(ddla_dataset *set, const recipe *made,
                               const ddla_data_source *source) {
  DDLA_TRY(ddla_data_block_make(&set->labels_block, (size_t)set->count * sizeof *set->labels,
                                source->memory));
  set->labels = (int32_t *)(void *)set->labels_block.data;
  for (int64_t i = 0; i < set->count; i++) set->labels[i] = (int32_t)(i % made->classes);
  if (source->class_names) return ddla_dataset_number_classes(set, source, source->path);
  return ddla_classes_number(&set->classes, (int)made->classes);
}

static ddla_status synthetic_read(ddla_dataset *set, const ddla_data_source *source) {
  recipe made = {{0}, 0, 0};
  DDLA_TRY(parse(&made, source->path));
  if (made.samples > INT64_MAX / 2 / ddla_data_shape_count(made.shape)) return refuse(source->path);
  set->type = DDLA_DATA_UINT8;
  set->shape = made.shape;
  set->count = made.samples;
  if (source->part != DDLA_DATA_TRAIN) set->count = (made.samples + TEST_SHARE - 1) / TEST_SHARE;
  DDLA_TRY(make_labels(set, &made, source));
  return make_features(set, &made, source);
}

static bool synthetic_accepts(const ddla_data_source *source) {
  return strncmp(source->path, prefix, strlen(prefix)) == 0;
}

static bool synthetic_has_part(const ddla_data_source *source) {
  return source->part != DDLA_DATA_VALIDATION;
}

const ddla_data_format ddla_data_format_synthetic = {
    .name = "synthetic",
    .looks_for = "synthetic:HEIGHTxWIDTHxCHANNELS:CLASSES:SAMPLES for made-up images",
    .needs_no_file = true,
    .accepts = synthetic_accepts,
    .has_part = synthetic_has_part,
    .read = synthetic_read};
