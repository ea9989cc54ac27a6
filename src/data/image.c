#include "data/image.h"

#include <math.h>
#include <png.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "data/file.h"
#include "data/format.h"

void ddla_image_fini(ddla_image *image) {
  ddla_free(image->pixels);
  *image = (ddla_image){0};
}

/* On success the reader holds memory of libpng until png_image_free or png_image_finish_read. */
static ddla_status begin(png_image *reader, const uint8_t *bytes, size_t length, const char *path) {
  static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  *reader = (png_image){.version = PNG_IMAGE_VERSION};
  if (length < sizeof signature || memcmp(bytes, signature, sizeof signature) != 0)
    return DDLA_FAIL(CORRUPT, "%s is not a PNG image", path);
  if (!png_image_begin_read_from_memory(reader, bytes, length)) {
    ddla_status status = DDLA_FAIL(CORRUPT, "%s is a damaged PNG image: %s", path, reader->message);
    png_image_free(reader);
    return status;
  }
  uint64_t pixels = (uint64_t)reader->width * reader->height;
  uint32_t limit = DDLA_IMAGE_SIDE_MAX;
  if (reader->width > limit || reader->height > limit || pixels > (uint64_t)limit * limit / 4) {
    png_image_free(reader);
    return DDLA_FAIL(INVALID,
                     "%s claims %u x %u pixels; at most %u each way and %llu in all are read", path,
                     reader->height, reader->width, limit, (unsigned long long)limit * limit / 4);
  }
  return DDLA_OK;
}

static int channels_of(const png_image *reader) {
  return reader->format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
}

ddla_status ddla_image_measure(ddla_data_shape *out, const uint8_t *bytes, size_t length,
                               const char *path) {
  png_image reader;
  DDLA_TRY(begin(&reader, bytes, length, path));
  *out = (ddla_data_shape){
      .height = reader.height, .width = reader.width, .channels = channels_of(&reader)};
  png_image_free(&reader);
  return DDLA_OK;
}

ddla_status ddla_image_decode(ddla_image *out, const uint8_t *bytes, size_t length, int channels,
                              const char *path) {
  DDLA_ASSERT(channels == 0 || channels == 1 || channels == 3);
  static const png_color black = {0, 0, 0};
  png_image reader;
  DDLA_TRY(begin(&reader, bytes, length, path));
  ddla_image image = {.shape = {.height = reader.height,
                                .width = reader.width,
                                .channels = channels ? channels : channels_of(&reader)}};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(image.pixels, ddla_data_shape_count(image.shape)));
  reader.format = image.shape.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  reader.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* else 16-bit files are taken for linear light */
  if (!png_image_finish_read(&reader, &black, image.pixels, 0, NULL)) {
    status = DDLA_FAIL(CORRUPT, "%s is a damaged PNG image: %s", path, reader.message);
    goto cleanup;
  }
  *out = image;
  image = (ddla_image){0};
cleanup:
  png_image_free(&reader);
  ddla_image_fini(&image);
  return status;
}

/* Weights of the source places that make up place i of `to`: a triangle around its centre, as wide
 * as a source pixel, or as a target pixel where that is larger. */
typedef struct taps {
  int64_t first, count;
  double centre, radius, total;
} taps;

static double weight_at(const taps *tap, int64_t place) {
  double distance = fabs((double)place + 0.5 - tap->centre) / tap->radius;
  return distance < 1 ? 1 - distance : 0;
}

static taps taps_at(int64_t i, int64_t from, int64_t to) {
  double ratio = (double)from / (double)to;
  taps tap = {.centre = ((double)i + 0.5) * ratio, .radius = ratio > 1 ? ratio : 1};
  double low = floor(tap.centre - tap.radius), high = ceil(tap.centre + tap.radius);
  tap.first = low > 0 ? (int64_t)low : 0;
  int64_t end = high < (double)from ? (int64_t)high : from;
  tap.count = end - tap.first;
  for (int64_t k = 0; k < tap.count; k++) tap.total += weight_at(&tap, tap.first + k);
  return tap;
}

/* between: [from.height, to.width, channels] */
static void scale_columns(float *between, int64_t width, const ddla_image *image) {
  ddla_data_shape from = image->shape;
  for (int64_t x = 0; x < width; x++) {
    taps tap = taps_at(x, from.width, width);
    for (int64_t y = 0; y < from.height; y++)
      for (int64_t c = 0; c < from.channels; c++) {
        const uint8_t *row = image->pixels + y * from.width * from.channels + c;
        double sum = 0;
        for (int64_t k = 0; k < tap.count; k++)
          sum += weight_at(&tap, tap.first + k) * row[(tap.first + k) * from.channels];
        between[(y * width + x) * from.channels + c] = (float)(sum / tap.total);
      }
  }
}

static void scale_rows(uint8_t *out, ddla_data_shape to, const float *between, int64_t height) {
  int64_t values = to.width * to.channels;
  for (int64_t y = 0; y < to.height; y++) {
    taps tap = taps_at(y, height, to.height);
    for (int64_t i = 0; i < values; i++) {
      double sum = 0;
      for (int64_t k = 0; k < tap.count; k++)
        sum += weight_at(&tap, tap.first + k) * (double)between[(tap.first + k) * values + i];
      out[y * values + i] = (uint8_t)(sum / tap.total + 0.5);
    }
  }
}

ddla_status ddla_image_scale(uint8_t *out, ddla_data_shape to, const ddla_image *image) {
  ddla_data_shape from = image->shape;
  DDLA_ASSERT(to.channels == from.channels && to.height > 0 && to.width > 0);
  if (to.height == from.height && to.width == from.width) {
    memcpy(out, image->pixels, (size_t)ddla_data_shape_count(to));
    return DDLA_OK;
  }
  float *between = NULL;
  DDLA_TRY(DDLA_NEW(between, from.height * to.width * to.channels));
  scale_columns(between, to.width, image);
  scale_rows(out, to, between, from.height);
  ddla_free(between);
  return DDLA_OK;
}

ddla_status ddla_image_read(uint8_t *out, ddla_data_shape to, const char *path) {
  if (to.channels != 1 && to.channels != 3)
    return DDLA_FAIL(INVALID,
                     "%s: an image cannot be brought to %lld channels; 1 or 3 are expected", path,
                     (long long)to.channels);
  ddla_data_block raw = {0};
  ddla_image image = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_data_file_load(&raw, path, ddla_data_memory_private()));
  DDLA_TRY_CLEAN(status, ddla_image_decode(&image, raw.data, raw.bytes, (int)to.channels, path));
  DDLA_TRY_CLEAN(status, ddla_image_scale(out, to, &image));
cleanup:
  ddla_image_fini(&image);
  ddla_data_block_release(&raw);
  return status;
}
