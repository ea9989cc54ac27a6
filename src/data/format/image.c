#include "data/format/image.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "data/file.h"
#include "data/format.h"
#include "data/format/image_kind.h"
#include "data/format/listing.h"

void ddla_image_fini(ddla_image *image) {
  ddla_free(image->pixels);
  *image = (ddla_image){0};
}

static const ddla_image_kind *const kinds[] = {&ddla_image_kind_png, &ddla_image_kind_jpeg,
                                               &ddla_image_kind_pnm};

bool ddla_image_is_named(const char *name) {
  static const char *const endings[] = {".png", ".jpg", ".jpeg", ".ppm", ".pgm"};
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    if (ddla_listing_ends(name, endings[i])) return true;
  return false;
}

static ddla_status find_kind(const ddla_image_kind **out, const uint8_t *bytes, size_t length,
                             const char *path) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i]->is(bytes, length)) {
      *out = kinds[i];
      return DDLA_OK;
    }
  return DDLA_FAIL(CORRUPT, "%s is not a PNG image, nor one in JPEG, PPM or PGM", path);
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
 * as a source pixel, or as a target pixel where that is larger. weight: [count] */
typedef struct taps {
  int64_t first, count;
  double total;
  double *weight;
} taps;

/* The most source places of one target place. */
static int64_t taps_most(int64_t from, int64_t to) { return 2 * (from / to + 1) + 3; }

/* weight: [taps_most] */
static void taps_at(taps *out, int64_t i, int64_t from, int64_t to) {
  const double ratio = (double)from / (double)to;
  const double centre = ((double)i + 0.5) * ratio, radius = ratio > 1 ? ratio : 1;
  const double low = floor(centre - radius), high = ceil(centre + radius);
  out->first = low > 0 ? (int64_t)low : 0;
  const int64_t end = high < (double)from ? (int64_t)high : from;
  out->count = end - out->first;
  out->total = 0;
  for (int64_t k = 0; k < out->count; k++) {
    const double distance = fabs((double)(out->first + k) + 0.5 - centre) / radius;
    out->weight[k] = distance < 1 ? 1 - distance : 0;
    out->total += out->weight[k];
  }
}

static void free_taps(taps *made) {
  if (made) ddla_free(made[0].weight); /* of all */
  ddla_free(made);
}

/* out: [to] */
static ddla_status make_taps(taps **out, int64_t from, int64_t to) {
  const int64_t most = taps_most(from, to);
  taps *made = NULL;
  DDLA_TRY(DDLA_NEW(made, to));
  ddla_status status = DDLA_NEW(made[0].weight, to * most);
  if (status != DDLA_OK) {
    ddla_free(made);
    return status;
  }
  for (int64_t i = 0; i < to; i++) {
    made[i].weight = made[0].weight + i * most;
    taps_at(&made[i], i, from, to);
  }
  *out = made;
  return DDLA_OK;
}

/* One place of one row; for a number of channels that is known where it is compiled. */
static inline void scale_place(float *out, const double *in, const taps *tap, int64_t channels) {
  double sum[3] = {0, 0, 0};
  for (int64_t k = 0; k < tap->count; k++)
    for (int64_t c = 0; c < channels; c++) sum[c] += tap->weight[k] * in[k * channels + c];
  for (int64_t c = 0; c < channels; c++) out[c] = (float)(sum[c] / tap->total);
}

/* between: [from.height, to.width, channels], channels 1 or 3; tap: [to.width]; row: doubles
 * [from.width * channels] */
static void scale_columns(float *between, int64_t width, const ddla_image *image, const taps *tap,
                          double *row) {
  const ddla_data_shape from = image->shape;
  const int64_t channels = from.channels, values = from.width * channels;
  for (int64_t y = 0; y < from.height; y++) {
    const uint8_t *in = image->pixels + y * values;
    float *out = between + y * width * channels;
    for (int64_t i = 0; i < values; i++) row[i] = in[i];
    for (int64_t x = 0; x < width; x++)
      if (channels == 3) scale_place(out + 3 * x, row + 3 * tap[x].first, &tap[x], 3);
      else scale_place(out + x, row + tap[x].first, &tap[x], 1);
  }
}

/* sum: [to.width * channels] */
static void scale_rows(uint8_t *out, ddla_data_shape to, const float *between, const taps *taps_of,
                       double *sum) {
  const int64_t values = to.width * to.channels;
  for (int64_t y = 0; y < to.height; y++) {
    const taps *tap = &taps_of[y];
    memset(sum, 0, (size_t)values * sizeof *sum);
    for (int64_t k = 0; k < tap->count; k++) {
      const float *in = between + (tap->first + k) * values;
      for (int64_t i = 0; i < values; i++) sum[i] += tap->weight[k] * (double)in[i];
    }
    for (int64_t i = 0; i < values; i++) out[y * values + i] = (uint8_t)(sum[i] / tap->total + 0.5);
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
  double *values = NULL;
  taps *columns = NULL, *rows = NULL;
  ddla_status status = DDLA_OK;
  const int64_t wider = from.width > to.width ? from.width : to.width;
  DDLA_TRY_CLEAN(status, DDLA_NEW(between, from.height * to.width * to.channels));
  DDLA_TRY_CLEAN(status, DDLA_NEW(values, wider * to.channels));
  DDLA_TRY_CLEAN(status, make_taps(&columns, from.width, to.width));
  DDLA_TRY_CLEAN(status, make_taps(&rows, from.height, to.height));
  scale_columns(between, to.width, image, columns, values);
  scale_rows(out, to, between, rows, values);
cleanup:
  ddla_free(between);
  ddla_free(values);
  free_taps(columns);
  free_taps(rows);
  return status;
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
