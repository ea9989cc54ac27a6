/* PGM and PPM in bytes, "P5" and "P6" of netpbm (netpbm.sourceforge.net/doc/ppm.html), taken for
 * sRGB as PNG is. */
#include <string.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/format/image_kind.h"

typedef struct header {
  ddla_data_shape shape;
  size_t pixels_at, pixels_bytes;
} header;

static bool is_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_pnm(const uint8_t *bytes, size_t length) {
  return length > 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') &&
         (is_blank(bytes[2]) || bytes[2] == '#');
}

/* A number behind blanks and remarks. */
static bool read_number(uint64_t *out, size_t *at, const uint8_t *bytes, size_t length) {
  uint64_t value = 0;
  size_t i = *at;
  while (i < length && (is_blank(bytes[i]) || bytes[i] == '#')) {
    const bool remark = bytes[i] == '#';
    while (remark && i < length && bytes[i] != '\n') i++;
    i += i < length;
  }
  const size_t digits = i;
  for (; i < length && bytes[i] >= '0' && bytes[i] <= '9'; i++)
    if (value < UINT32_MAX)
      value = value * 10 + (uint64_t)(bytes[i] - '0'); /* too large stays so */
  if (i == digits) return false;
  *at = i;
  *out = value;
  return true;
}

static ddla_status read_header(header *out, const uint8_t *bytes, size_t length, const char *path) {
  uint64_t width = 0, height = 0, most = 0;
  size_t at = 2;
  if (!read_number(&width, &at, bytes, length) || !read_number(&height, &at, bytes, length) ||
      !read_number(&most, &at, bytes, length) || at == length || !is_blank(bytes[at]))
    return DDLA_FAIL(CORRUPT, "%s: the head of an image in PPM or PGM is damaged", path);
  DDLA_TRY(ddla_image_check_size(height, width, path));
  if (width == 0 || height == 0) return DDLA_FAIL(CORRUPT, "%s: an image without pixels", path);
  if (most != 255)
    return DDLA_FAIL(INVALID,
                     "%s: its brightest value is %llu; only images in PPM or PGM with 255 "
                     "are read",
                     path, (unsigned long long)most);
  const int64_t channels = bytes[1] == '6' ? 3 : 1;
  *out =
      (header){.shape = {.height = (int64_t)height, .width = (int64_t)width, .channels = channels},
               .pixels_at = at + 1,
               .pixels_bytes = (size_t)(height * width) * (size_t)channels};
  return DDLA_OK;
}

static ddla_status measure(ddla_data_shape *out, const uint8_t *bytes, size_t length,
                           const char *path) {
  header head = {0};
  DDLA_TRY(read_header(&head, bytes, length, path));
  *out = head.shape;
  return DDLA_OK;
}

static ddla_status decode(ddla_image *out, const uint8_t *bytes, size_t length, int channels,
                          const char *path) {
  header head = {0};
  DDLA_TRY(read_header(&head, bytes, length, path));
  const size_t left = length - head.pixels_at;
  if (left != head.pixels_bytes)
    return DDLA_FAIL(CORRUPT, "%s: %zu bytes of pixels; its head promises %zu", path, left,
                     head.pixels_bytes);
  ddla_image image = {.shape = head.shape};
  DDLA_TRY(DDLA_NEW(image.pixels, head.pixels_bytes));
  memcpy(image.pixels, bytes + head.pixels_at, head.pixels_bytes);
  ddla_status status = channels == 0 || channels == image.shape.channels
                           ? DDLA_OK
                           : ddla_image_convert(&image, channels, path);
  if (status == DDLA_OK) *out = image;
  else ddla_image_fini(&image);
  return status;
}

const ddla_image_kind ddla_image_kind_pnm = {is_pnm, measure, decode};
