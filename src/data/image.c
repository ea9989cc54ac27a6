#include "data/image.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "data/file.h"
#include "data/format.h"
#include "data/image_kind.h"

void ddla_image_fini(ddla_image *image) {
  ddla_free(image->pixels);
  *image = (ddla_image){0};
}

static const ddla_image_kind *const kinds[] = {&ddla_image_kind_png, &ddla_image_kind_pnm};

static ddla_status find_kind(const ddla_image_kind **out, const uint8_t *bytes, size_t length,
                             const char *path) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i]->is(bytes, length)) {
      *out = kinds[i];
      return DDLA_OK;
    }
  return DDLA_FAIL(CORRUPT, "%s is not a PNG image, nor one in PPM or PGM", path);
}

ddla_status ddla_image_check_size(uint64_t height, uint64_t width, const char *path) {
  const uint64_t limit = DDLA_IMAGE_SIDE_MAX, most = limit * limit / 4;
  if (height <= limit && width <= limit && height * width <= most) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s claims %llu x %llu pixels; at most %d each way and %llu in all are read",
                   path, (unsigned long long)height, (unsigned long long)width, DDLA_IMAGE_SIDE_MAX,
                   (unsigned long long)most);
}

ddla_status ddla_image_measure(ddla_data_shape *out, const uint8_t *bytes, size_t length,
                               const char *path) {
  const ddla_image_kind *kind = NULL;
  DDLA_TRY(find_kind(&kind, bytes, length, path));
  return kind->measure(out, bytes, length, path);
}

ddla_status ddla_image_decode(ddla_image *out, const uint8_t *bytes, size_t length, int channels,
                              const char *path) {
  DDLA_ASSERT(channels == 0 || channels == 1 || channels == 3);
  const ddla_image_kind *kind = NULL;
  DDLA_TRY(find_kind(&kind, bytes, length, path));
  return kind->decode(out, bytes, length, channels, path);
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
