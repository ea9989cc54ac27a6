/* Many images brought to one shape, on several threads: what folders and archives have in common.
 * Only for the files of this folder. */
#ifndef DDLA_DATA_FORMAT_IMAGES_H
#define DDLA_DATA_FORMAT_IMAGES_H

#include "data/file.h"

/* An encoded image. */
typedef struct ddla_image_file {
  const uint8_t *bytes;
  size_t length;
  const char *name;      /* for messages */
  ddla_data_block block; /* where bytes lie if they are only there for this image; else empty */
} ddla_image_file;

/* Images by number. open may be called by several threads at once; what it fills is borrowed until
 * the block is released. first: name of the image that all others are compared with. */
typedef struct ddla_images {
  int64_t count;
  ddla_status (*open)(ddla_image_file *out, int64_t index, const void *argument);
  const void *argument;
  const char *first;
} ddla_images;

/* Shape of every image: that of image 0, unless source->shape says more. Errors: INVALID for a
 * shape that images cannot be brought to; those of open and of decoding. */
ddla_status ddla_images_shape(ddla_data_shape *out, const ddla_images *images,
                              const ddla_data_source *source) DDLA_MUST_USE;

/* Decodes all, scaled if source->shape gives a size. pixels: uint8 [count, shape]. Errors: of
 * several the first image's, however threads run: INVALID for another size than shape; those of
 * open and of decoding. */
ddla_status ddla_images_decode(uint8_t *pixels, ddla_data_shape shape, const ddla_images *images,
                               const ddla_data_source *source) DDLA_MUST_USE;

#endif
