/* Small PNG files for tests. */
#ifndef DDLA_DATA_FORMAT_TEST_IMAGES_H
#define DDLA_DATA_FORMAT_TEST_IMAGES_H

#include <png.h>

#include "data/test_files.h"

/* pixels: [height, width, channels of the format]; format: PNG_FORMAT_GRAY and its like */
static inline const char *write_png(const char *name, const void *pixels, int height, int width,
                                    uint32_t format) {
  const char *path = test_path(name);
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (uint32_t)width,
                     .height = (uint32_t)height,
                     .format = format};
  if (!png_image_write_to_file(&image, path, 0, pixels, 0, NULL)) fail_msg("%s", image.message);
  return path;
}

/* A gray image of one value. */
static inline const char *write_flat_png(const char *name, int value, int height, int width) {
  uint8_t *pixels = malloc((size_t)height * (size_t)width);
  assert_non_null(pixels);
  memset(pixels, value, (size_t)height * (size_t)width);
  const char *path = write_png(name, pixels, height, width, PNG_FORMAT_GRAY);
  free(pixels);
  return path;
}

static inline size_t add_chunk(uint8_t *out, const char *type, const uint8_t *data,
                               uint32_t length) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(length >> (24 - 8 * i));
  memcpy(out + 4, type, 4);
  if (length) memcpy(out + 8, data, length);
  uint32_t check = libdeflate_crc32(0, out + 4, length + 4);
  for (int i = 0; i < 4; i++) out[8 + length + (uint32_t)i] = (uint8_t)(check >> (24 - 8 * i));
  return length + 12;
}

/* A few bytes that claim to be a gray image of any size. */
static inline size_t bomb_bytes(uint8_t out[128], uint32_t height, uint32_t width) {
  static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  uint8_t head[13] = {[8] = 8}, empty[8] = {0x78, 0x9c, 3, 0, 0, 0, 0, 1};
  for (int i = 0; i < 4; i++) {
    head[i] = (uint8_t)(width >> (24 - 8 * i));
    head[4 + i] = (uint8_t)(height >> (24 - 8 * i));
  }
  memcpy(out, signature, sizeof signature);
  size_t used = sizeof signature;
  used += add_chunk(out + used, "IHDR", head, sizeof head);
  used += add_chunk(out + used, "IDAT", empty, sizeof empty);
  return used + add_chunk(out + used, "IEND", NULL, 0);
}

#endif
