/* PNG (ISO/IEC 15948), by libpng. */
#include <png.h>
#include <string.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/format/image_kind.h"

static bool is_png(const uint8_t *bytes, size_t length) {
  static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return length >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

/* On success the reader holds memory of libpng until png_image_free or png_image_finish_read. */
static ddla_status begin(png_image *reader, const uint8_t *bytes, size_t length, const char *path) {
  *reader = (png_image){.version = PNG_IMAGE_VERSION};
  if (!png_image_begin_read_from_memory(reader, bytes, length)) {
    ddla_status status = DDLA_FAIL(CORRUPT, "%s is a damaged PNG image: %s", path, reader->message);
    png_image_free(reader);
    return status;
  }
  ddla_status status = ddla_image_check_size(reader->height, reader->width, path);
  if (status != DDLA_OK) png_image_free(reader);
  return status;
}

static int channels_of(const png_image *reader) {
  return reader->format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
}

static ddla_status measure(ddla_data_shape *out, const uint8_t *bytes, size_t length,
                           const char *path) {
  png_image reader;
  DDLA_TRY(begin(&reader, bytes, length, path));
  *out = (ddla_data_shape){
      .height = reader.height, .width = reader.width, .channels = channels_of(&reader)};
  png_image_free(&reader);
  return DDLA_OK;
}

static ddla_status decode(ddla_image *out, const uint8_t *bytes, size_t length, int channels,
                          const char *path) {
  static const png_color black = {0, 0, 0};
  png_image reader;
  if (ddla_image_decode_plain(out, bytes, length, channels)) return DDLA_OK;
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

/* By way of a file in memory, so that colours turn gray in one way only. */
ddla_status ddla_image_convert(ddla_image *image, int channels, const char *path) {
  png_image writer = {.version = PNG_IMAGE_VERSION,
                      .width = (uint32_t)image->shape.width,
                      .height = (uint32_t)image->shape.height,
                      .format = image->shape.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY,
                      .flags = PNG_IMAGE_FLAG_FAST};
  png_alloc_size_t bytes = 0;
  uint8_t *file = NULL;
  ddla_image made = {0};
  ddla_status status = DDLA_OK;
  if (!png_image_write_to_memory(&writer, NULL, &bytes, 0, image->pixels, 0, NULL))
    return DDLA_FAIL(NO_MEMORY, "%s: its colours cannot be converted: %s", path, writer.message);
  DDLA_TRY(DDLA_NEW(file, bytes));
  if (!png_image_write_to_memory(&writer, file, &bytes, 0, image->pixels, 0, NULL))
    status = DDLA_FAIL(NO_MEMORY, "%s: its colours cannot be converted: %s", path, writer.message);
  if (status == DDLA_OK) status = decode(&made, file, bytes, channels, path);
  ddla_free(file);
  if (status != DDLA_OK) return status;
  ddla_image_fini(image);
  *image = made;
  return DDLA_OK;
}

const ddla_image_kind ddla_image_kind_png = {is_png, measure, decode};
