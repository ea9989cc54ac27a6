/* The plain kinds of PNG (ISO/IEC 15948) that nearly all files are: gray or RGB of 8 bits, not
 * interlaced, without a word about gamma, colours or transparency. Inflated in one call and
 * unfiltered without branches, they take a third of libpng's time. Whatever is not perfectly in
 * order is left to libpng, which says what is wrong. */
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/format/image_kind.h"

enum {
  CHUNK_BYTES = 12,
  HEAD_BYTES = 13,
  SIGNATURE_BYTES = 8,
  DEFLATE_RATIO_MAX = 1032 /* bytes that deflate makes of one, at most */
};

/* Filters, PNG section 9. */
enum { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH };

typedef struct plain_png {
  ddla_data_shape shape;
  uint8_t *packed; /* all IDAT chunks in one; owned */
  size_t packed_bytes;
  bool begun, over; /* IDAT chunks */
} plain_png;

static uint32_t big_endian(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_type(const uint8_t *chunk, const char *type) {
  return memcmp(chunk + 4, type, 4) == 0;
}

/* Chunks that say nothing about pixels. */
static bool is_remark(const uint8_t *chunk) {
  static const char *const known[] = {"tEXt", "zTXt", "iTXt", "tIME", "pHYs", "eXIf"};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (is_type(chunk, known[i])) return true;
  return false;
}

static bool read_head(plain_png *png, const uint8_t *chunk, uint32_t length) {
  const uint8_t *head = chunk + 8;
  if (length != HEAD_BYTES || !is_type(chunk, "IHDR")) return false;
  const uint32_t width = big_endian(head), height = big_endian(head + 4);
  if (head[8] != 8 || (head[9] != 0 && head[9] != 2) || head[10] || head[11] || head[12])
    return false;
  if (width == 0 || height == 0 || width > DDLA_IMAGE_SIDE_MAX || height > DDLA_IMAGE_SIDE_MAX ||
      (uint64_t)width * height > (uint64_t)DDLA_IMAGE_SIDE_MAX * DDLA_IMAGE_SIDE_MAX / 4)
    return false;
  png->shape =
      (ddla_data_shape){.height = height, .width = width, .channels = head[9] == 2 ? 3 : 1};
  return true;
}

/* *last: the file's end, as it must be. */
static bool read_chunk(plain_png *png, bool *last, const uint8_t *chunk, uint32_t length,
                       size_t left) {
  if (libdeflate_crc32(0, chunk + 4, length + 4) != big_endian(chunk + 8 + length)) return false;
  *last = is_type(chunk, "IEND");
  if (*last) return length == 0 && left == CHUNK_BYTES && png->begun;
  if (!is_type(chunk, "IDAT")) {
    png->over |= png->begun;
    return is_remark(chunk);
  }
  if (png->over) return false;
  png->begun = true;
  memcpy(png->packed + png->packed_bytes, chunk + 8, length);
  png->packed_bytes += length;
  return true;
}

static bool read_chunks(plain_png *png, const uint8_t *bytes, size_t length) {
  size_t at = SIGNATURE_BYTES;
  for (bool last = false; !last;) {
    const uint8_t *chunk = bytes + at;
    if (length - at < CHUNK_BYTES) return false;
    const uint32_t content = big_endian(chunk);
    if (content > INT32_MAX || content > length - at - CHUNK_BYTES) return false;
    if (at > SIGNATURE_BYTES) {
      if (!read_chunk(png, &last, chunk, content, length - at)) return false;
    } else if (libdeflate_crc32(0, chunk + 4, content + 4) != big_endian(chunk + 8 + content) ||
               !read_head(png, chunk, content)) {
      return false;
    }
    at += (size_t)CHUNK_BYTES + content;
  }
  return true;
}

/* What of left, above and their corner is nearest to left + above - corner; the first of equals. */
static inline uint8_t paeth(int a, int b, int c) {
  const int to_a = abs(b - c), to_b = abs(a - c), to_c = abs(a + b - 2 * c);
  const int best = to_a <= to_b ? a : b, distance = to_a <= to_b ? to_a : to_b;
  return (uint8_t)(distance <= to_c ? best : c);
}

/* Of a row whose filter looks to the left, for a number of channels and a filter that are known
 * where it is compiled: the newest pixel and the one above it stay in registers. */
static inline void unfilter_left(uint8_t *restrict out, const uint8_t *restrict in,
                                 const uint8_t *restrict above, int64_t count, int64_t channels,
                                 int filter) {
  int left[3] = {0, 0, 0}, corner[3] = {0, 0, 0};
  for (int64_t i = 0; i < count; i += channels)
    for (int64_t c = 0; c < channels; c++) {
      const int up = above[i + c];
      const int guess = filter == FILTER_SUB       ? left[c]
                        : filter == FILTER_AVERAGE ? (left[c] + up) / 2
                                                   : paeth(left[c], up, corner[c]);
      left[c] = (uint8_t)(in[i + c] + guess);
      corner[c] = up;
      out[i + c] = (uint8_t)left[c];
    }
}

static inline void unfilter_row(uint8_t *restrict out, const uint8_t *restrict in,
                                const uint8_t *restrict above, int64_t count, int64_t channels,
                                int filter) {
  switch (filter) {
  case FILTER_NONE: memcpy(out, in, (size_t)count); break;
  case FILTER_UP:
    for (int64_t i = 0; i < count; i++) out[i] = (uint8_t)(in[i] + above[i]);
    break;
  case FILTER_SUB: unfilter_left(out, in, above, count, channels, FILTER_SUB); break;
  case FILTER_AVERAGE: unfilter_left(out, in, above, count, channels, FILTER_AVERAGE); break;
  default: unfilter_left(out, in, above, count, channels, FILTER_PAETH);
  }
}

/* filtered: [height, 1 + width * channels]; false for a filter that does not exist. */
static bool unfilter(uint8_t *pixels, const uint8_t *filtered, const uint8_t *zeros,
                     ddla_data_shape shape) {
  const int64_t row = shape.width * shape.channels;
  const uint8_t *above = zeros;
  for (int64_t y = 0; y < shape.height; y++, pixels += row, filtered += row + 1) {
    const int filter = filtered[0];
    if (filter > FILTER_PAETH) return false;
    if (shape.channels == 3) unfilter_row(pixels, filtered + 1, above, row, 3, filter);
    else unfilter_row(pixels, filtered + 1, above, row, 1, filter);
    above = pixels;
  }
  return true;
}

/* Exactly the rows, and nothing behind them. filtered: [bytes + a row of zeros] */
static bool inflate_rows(uint8_t *filtered, size_t bytes, const plain_png *png) {
  struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
  size_t used = 0, made = 0;
  const bool whole =
      inflater && libdeflate_zlib_decompress_ex(inflater, png->packed, png->packed_bytes, filtered,
                                                bytes, &used, &made) == LIBDEFLATE_SUCCESS;
  libdeflate_free_decompressor(inflater);
  return whole && used == png->packed_bytes && made == bytes;
}

static bool decode_rows(uint8_t *pixels, const plain_png *png) {
  const size_t row = (size_t)(png->shape.width * png->shape.channels);
  const size_t bytes = (size_t)png->shape.height * (row + 1);
  uint8_t *filtered = ddla_alloc_array(bytes + row, 1); /* zeroed */
  const bool good = filtered && inflate_rows(filtered, bytes, png) &&
                    unfilter(pixels, filtered, filtered + bytes, png->shape);
  ddla_free(filtered);
  return good;
}

/* So much as the head claims can come out of what is there. */
static bool is_plausible(const plain_png *png) {
  const size_t row = (size_t)(png->shape.width * png->shape.channels);
  return (size_t)png->shape.height * (row + 1) / DEFLATE_RATIO_MAX <= png->packed_bytes;
}

bool ddla_image_decode_plain(ddla_image *out, const uint8_t *bytes, size_t length, int channels) {
  plain_png png = {0};
  ddla_image image = {0};
  if (length < SIGNATURE_BYTES) return false;
  png.packed = ddla_alloc_array(length, 1);
  bool good = png.packed && read_chunks(&png, bytes, length) && is_plausible(&png) &&
              (channels == 0 || channels == png.shape.channels);
  if (good) {
    image = (ddla_image){.shape = png.shape,
                         .pixels = ddla_alloc_array((size_t)ddla_data_shape_count(png.shape), 1)};
    good = image.pixels && decode_rows(image.pixels, &png);
  }
  ddla_free(png.packed);
  if (good) *out = image;
  else ddla_image_fini(&image);
  return good;
}
