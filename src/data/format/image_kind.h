/* What image.c asks of a kind of image file. Only for the files of this folder. */
#ifndef DDLA_DATA_FORMAT_IMAGE_KIND_H
#define DDLA_DATA_FORMAT_IMAGE_KIND_H

#include "data/format/image.h"

/* A kind of file. measure and decode are as those of image.h. */
typedef struct ddla_image_kind {
  bool (*is)(const uint8_t *bytes, size_t length); /* by its first bytes */
  ddla_status (*measure)(ddla_data_shape *out, const uint8_t *bytes, size_t length,
                         const char *path);
  ddla_status (*decode)(ddla_image *out, const uint8_t *bytes, size_t length, int channels,
                        const char *path);
} ddla_image_kind;

/* A PNG file of a plain kind, in the channels that it has (or 0); false if it is not, or anything
 * is wrong with it, or memory is short: then libpng has the word. */
bool ddla_image_decode_plain(ddla_image *out, const uint8_t *bytes, size_t length, int channels);

/* Brings pixels to 1 or 3 channels as a PNG file of them would be. Errors: NO_MEMORY. */
ddla_status ddla_image_convert(ddla_image *image, int channels, const char *path) DDLA_MUST_USE;

extern const ddla_image_kind ddla_image_kind_png, ddla_image_kind_jpeg, ddla_image_kind_pnm;

/* Before memory is taken for the pixels. Errors: INVALID beyond the limits of image.h. */
ddla_status ddla_image_check_size(uint64_t height, uint64_t width, const char *path) DDLA_MUST_USE;

#endif
