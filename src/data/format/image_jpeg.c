/* JPEG (ITU-T T.81, in JFIF or Exif files), by libjpeg-turbo. Its accurate transform gives the same
 * pixels with and without vector instructions. */
#include <string.h>
#include <turbojpeg.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/format/image_kind.h"

static bool is_jpeg(const uint8_t *bytes, size_t length) {
  return length > 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

static ddla_status start(tjhandle *out) {
  *out = tjInitDecompress();
  return *out ? DDLA_OK : DDLA_FAIL(NO_MEMORY, "no memory to read JPEG images");
}

static ddla_status damaged(tjhandle reader, const char *path) {
  return DDLA_FAIL(CORRUPT, "%s is a damaged JPEG image: %s", path, tjGetErrorStr2(reader));
}

static ddla_status read_head(ddla_data_shape *out, tjhandle reader, const uint8_t *bytes,
                             size_t length, const char *path) {
  int width = 0, height = 0, sampling = 0, colours = 0;
  if (tjDecompressHeader3(reader, bytes, length, &width, &height, &sampling, &colours) != 0)
    return damaged(reader, path);
  if (colours == TJCS_CMYK || colours == TJCS_YCCK)
    return DDLA_FAIL(INVALID, "%s is in the four colours of print (CMYK); convert it to RGB", path);
  DDLA_TRY(ddla_image_check_size((uint64_t)height, (uint64_t)width, path));
  *out =
      (ddla_data_shape){.height = height, .width = width, .channels = colours == TJCS_GRAY ? 1 : 3};
  return DDLA_OK;
}

static ddla_status measure(ddla_data_shape *out, const uint8_t *bytes, size_t length,
                           const char *path) {
  tjhandle reader = NULL;
  DDLA_TRY(start(&reader));
  const ddla_status status = read_head(out, reader, bytes, length, path);
  tjDestroy(reader);
  return status;
}

static ddla_status read_pixels(ddla_image *out, tjhandle reader, const uint8_t *bytes,
                               size_t length, const char *path) {
  const ddla_data_shape shape = out->shape;
  const int format = shape.channels == 3 ? TJPF_RGB : TJPF_GRAY;
  const int flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
  DDLA_TRY(DDLA_NEW(out->pixels, ddla_data_shape_count(shape)));
  if (tjDecompress2(reader, bytes, length, out->pixels, (int)shape.width, 0, (int)shape.height,
                    format, flags) == 0)
    return DDLA_OK;
  return damaged(reader, path);
}

static ddla_status decode(ddla_image *out, const uint8_t *bytes, size_t length, int channels,
                          const char *path) {
  tjhandle reader = NULL;
  ddla_image image = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY(start(&reader));
  DDLA_TRY_CLEAN(status, read_head(&image.shape, reader, bytes, length, path));
  DDLA_TRY_CLEAN(status, read_pixels(&image, reader, bytes, length, path));
  if (channels && channels != image.shape.channels)
    DDLA_TRY_CLEAN(status, ddla_image_convert(&image, channels, path));
  *out = image;
  image = (ddla_image){0};
cleanup:
  tjDestroy(reader);
  ddla_image_fini(&image);
  return status;
}

const ddla_image_kind ddla_image_kind_jpeg = {is_jpeg, measure, decode};
