/* Images: PNG (libpng), JPEG (libjpeg-turbo), and PGM and PPM in bytes; 8 bits per channel, gray or
 * RGB. PNG images with 16 bits, palettes or other gamma are brought to 8-bit sRGB, transparent
 * places to black; how a JPEG image is to be turned (Exif) is not heeded. The kind is told by the
 * first bytes, not by the name. Threads: pure functions. */
#ifndef DDLA_DATA_FORMAT_IMAGE_H
#define DDLA_DATA_FORMAT_IMAGE_H

#include "data/data.h"

/* Refused before memory is taken for the pixels: larger sides, and more pixels than a side's
 * square / 4. */
enum { DDLA_IMAGE_SIDE_MAX = 16384 };

/* Whether a file is taken for an image by its name: .png, .jpg, .jpeg, .ppm, .pgm. */
bool ddla_image_is_named(const char *name);

/* pixels: [shape], owned. Plain value; zero is empty. */
typedef struct ddla_image {
  ddla_data_shape shape;
  uint8_t *pixels;
} ddla_image;

void ddla_image_fini(ddla_image *image);

/* Size and channels (1 gray, 3 colour) from the head of a file. Errors: as of decode. */
ddla_status ddla_image_measure(ddla_data_shape *out, const uint8_t *bytes, size_t length,
                               const char *path);

/* Decodes a file to 1 or 3 channels; 0: as it is. path is for messages.
 * Errors: CORRUPT for what is no image or is damaged, INVALID beyond the limits, NO_MEMORY. */
ddla_status ddla_image_decode(ddla_image *out, const uint8_t *bytes, size_t length, int channels,
                              const char *path);

/* Scales bilinearly; where the image shrinks, the triangle filter widens with it, so that no pixel
 * is left out. out: [to]; to has the image's channels. Errors: NO_MEMORY. */
ddla_status ddla_image_scale(uint8_t *out, ddla_data_shape to, const ddla_image *image);

/* Reads a file and brings it to a shape, whose channels are 1 or 3. out: [to].
 * Errors: those of reading a file and of decoding; INVALID for other channels. */
ddla_status ddla_image_read(uint8_t *out, ddla_data_shape to, const char *path);

#endif
