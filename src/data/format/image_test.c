#include "data/format/image.h"

#include <turbojpeg.h>

#include "data/format/image_kind.h"
#include "data/format/test_images.h"

static ddla_status decode(ddla_image *out, const char *bytes, size_t length, int channels) {
  return ddla_image_decode(out, (const uint8_t *)bytes, length, channels, "x.ppm");
}
#define DECODE(out, bytes, channels) decode(out, bytes, sizeof(bytes) - 1, channels)

static void pnm_images(void **state) {
  (void)state;
  static const char *const grays[] = {
      "P5 2 1 255 \x10\x20", "P5\n# by hand\n2 #two\n1\n255\n\x10\x20", "P5#\n2\t1\r255\n\x10\x20"};
  ddla_image image = {0};
  for (size_t i = 0; i < sizeof grays / sizeof grays[0]; i++) {
    CHECK_OK(decode(&image, grays[i], strlen(grays[i]), 0));
    assert_int_equal(image.shape.height, 1);
    assert_int_equal(image.shape.width, 2);
    assert_int_equal(image.shape.channels, 1);
    assert_memory_equal(image.pixels, "\x10\x20", 2);
    ddla_image_fini(&image);
  }
  CHECK_OK(DECODE(&image, "P6 1 2 255\nabcdef", 0));
  assert_int_equal(image.shape.channels, 3);
  assert_memory_equal(image.pixels, "abcdef", 6);
  ddla_image_fini(&image);
  CHECK_OK(DECODE(&image, "P5 2 1 255\nab", 3));
  assert_memory_equal(image.pixels, "aaabbb", 6);
  ddla_image_fini(&image);
}

/* Colours become gray as they do in a PNG file of the same pixels. */
static void grays_are_those_of_png(void **state) {
  (void)state;
  enum { PIXELS = 4096 };
  static uint8_t colours[3 * PIXELS], by_png[PIXELS];
  static char bytes[3 * PIXELS + 64];
  uint32_t random = 1;
  for (int i = 0; i < 3 * PIXELS; i++) {
    random = random * 1664525 + 1013904223;
    colours[i] = (uint8_t)(random >> 24);
  }
  const char *path = write_png("colours.png", colours, 64, 64, PNG_FORMAT_RGB);
  CHECK_OK(ddla_image_read(by_png, (ddla_data_shape){64, 64, 1}, path));
  int used = snprintf(bytes, sizeof bytes, "P6 64 64 255\n");
  memcpy(bytes + used, colours, sizeof colours);
  ddla_image image = {0};
  CHECK_OK(decode(&image, bytes, (size_t)used + sizeof colours, 1));
  for (int i = 0; i < PIXELS; i++) assert_int_equal(image.pixels[i], by_png[i]);
  ddla_image_fini(&image);
}

enum { SIDE = 48, SIDE_VALUES = SIDE * SIDE * 3 };

/* A picture of smooth colours as a JPEG file, which tjFree frees. */
static size_t make_jpeg(unsigned char **out, uint8_t *pixels, int format, int flags) {
  const int values = format == TJPF_GRAY ? 1 : format == TJPF_CMYK ? 4 : 3;
  unsigned long bytes = 0;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      for (int c = 0; c < values; c++)
        pixels[(y * SIDE + x) * values + c] = (uint8_t)(40 + 3 * (c == 1 ? y : x) + 10 * c);
  tjhandle writer = tjInitCompress();
  const int sampling = format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_444;
  assert_non_null(writer);
  assert_int_equal(tjCompress2(writer, pixels, SIDE, 0, SIDE, format, out, &bytes, sampling, 98,
                               flags | TJFLAG_ACCURATEDCT),
                   0);
  tjDestroy(writer);
  return bytes;
}

static ddla_status decode_jpeg(ddla_image *out, const unsigned char *bytes, size_t length,
                               int channels) {
  return ddla_image_decode(out, bytes, length, channels, "x.jpg");
}

/* Baseline and progressive, gray and in colours: near what was written. */
static void jpeg_images(void **state) {
  static const int formats[] = {TJPF_GRAY, TJPF_RGB};
  (void)state;
  for (int i = 0; i < 4; i++) {
    static uint8_t pixels[SIDE_VALUES];
    const int channels = i % 2 ? 3 : 1;
    unsigned char *file = NULL;
    ddla_image image = {0};
    ddla_data_shape shape = {0};
    const size_t length = make_jpeg(&file, pixels, formats[i % 2], i / 2 ? TJFLAG_PROGRESSIVE : 0);
    CHECK_OK(ddla_image_measure(&shape, file, length, "x.jpg"));
    assert_int_equal(shape.channels, channels);
    CHECK_OK(decode_jpeg(&image, file, length, 0));
    assert_int_equal(image.shape.height, SIDE);
    assert_int_equal(image.shape.width, SIDE);
    assert_int_equal(image.shape.channels, channels);
    for (int k = 0; k < SIDE * SIDE * channels; k++)
      assert_in_range(image.pixels[k] + 4 - pixels[k], 0, 8);
    ddla_image_fini(&image);
    CHECK_OK(decode_jpeg(&image, file, length, 4 - channels));
    assert_int_equal(image.shape.channels, 4 - channels);
    ddla_image_fini(&image);
    tjFree(file);
  }
}

static void names_of_images(void **state) {
  (void)state;
  static const char *const images[] = {"a.png", "b/a.JPG", "a.jpeg", "a.ppm", "a.b.pgm"};
  static const char *const others[] = {"a.gif", "png", ".jpg", "a.jpg.txt"};
  for (size_t i = 0; i < sizeof images / sizeof images[0]; i++)
    assert_true(ddla_image_is_named(images[i]));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_false(ddla_image_is_named(others[i]));
}

/* Cut short or changed anywhere it is refused or read, and leaves nothing behind. */
static void damaged_jpeg_images(void **state) {
  (void)state;
  static uint8_t pixels[SIDE * SIDE * 4];
  unsigned char *file = NULL;
  ddla_image image = {0};
  size_t length = make_jpeg(&file, pixels, TJPF_RGB, 0);
  for (size_t cut = 4; cut + 2 < length; cut += 7)
    CHECK_FAILURE(decode_jpeg(&image, file, cut, 0), CORRUPT, "x.jpg is a damaged JPEG image");
  for (size_t at = 3; at < length; at++) {
    file[at] ^= 0x55;
    const ddla_status status = decode_jpeg(&image, file, length, 0);
    assert_true(status == DDLA_OK || status == DDLA_CORRUPT || status == DDLA_INVALID);
    ddla_image_fini(&image);
    file[at] ^= 0x55;
  }
  tjFree(file);
  file = NULL;
  length = make_jpeg(&file, pixels, TJPF_CMYK, 0);
  CHECK_FAILURE(decode_jpeg(&image, file, length, 0), INVALID, "CMYK");
  tjFree(file);
}

enum { ROOM = 1 << 18 };

/* A PNG file whose row y has filter y % 5; remark: a chunk behind the head that is no head, so that
 * it is not a plain kind. Returns its length. */
static size_t filtered_png(uint8_t out[ROOM], const uint8_t *pixels, ddla_data_shape shape,
                           const char *remark) {
  const uint32_t height = (uint32_t)shape.height, width = (uint32_t)shape.width;
  const uint32_t channels = (uint32_t)shape.channels;
  const uint32_t row = width * channels;
  uint8_t *rows = calloc(height, row + 1), *zeros = calloc(1, row), *packed = malloc(ROOM);
  assert_true(rows && zeros && packed);
  for (uint32_t y = 0; y < height; y++) {
    const uint8_t *now = pixels + y * row, *above = y ? now - row : zeros;
    uint8_t *to = rows + y * (row + 1);
    to[0] = (uint8_t)(y % 5);
    for (uint32_t i = 0; i < row; i++) {
      const int a = i >= channels ? now[i - channels] : 0, b = above[i];
      const int c = i >= channels ? above[i - channels] : 0;
      const int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
      const int nearest = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      const int guess[5] = {0, a, b, (a + b) / 2, nearest};
      to[i + 1] = (uint8_t)(now[i] - guess[y % 5]);
    }
  }
  struct libdeflate_compressor *deflater = libdeflate_alloc_compressor(6);
  const size_t bytes =
      libdeflate_zlib_compress(deflater, rows, (size_t)height * (row + 1), packed, ROOM);
  libdeflate_free_compressor(deflater);
  assert_true(bytes > 10 && bytes + 200 < ROOM);
  uint8_t head[13] = {[8] = 8, [9] = channels == 3 ? 2 : 0};
  for (int i = 0; i < 4; i++) {
    head[i] = (uint8_t)(width >> (24 - 8 * i));
    head[4 + i] = (uint8_t)(height >> (24 - 8 * i));
  }
  memcpy(out, "\x89PNG\r\n\x1a\n", 8);
  size_t used = 8;
  used += add_chunk(out + used, "IHDR", head, sizeof head);
  if (remark) used += add_chunk(out + used, remark, (const uint8_t *)"\0", 1);
  used += add_chunk(out + used, "IDAT", packed, 7); /* in two pieces */
  used += add_chunk(out + used, "IDAT", packed + 7, (uint32_t)bytes - 7);
  used += add_chunk(out + used, "IEND", NULL, 0);
  free(rows), free(zeros), free(packed);
  return used;
}

/* Every filter, in gray and colour: the short way and libpng's, which a chunk about colours asks
 * for, give the pixels. */
static void png_filters(void **state) {
  (void)state;
  static const uint32_t sizes[][2] = {{1, 1}, {11, 1}, {1, 11}, {23, 17}, {64, 200}};
  uint8_t *file = malloc(ROOM), pixels[3 * 64 * 200];
  uint32_t random = 7;
  assert_non_null(file);
  for (int trial = 0; trial < 60; trial++) {
    const uint32_t height = sizes[trial % 5][0], width = sizes[trial % 5][1];
    const uint32_t channels = trial / 5 % 2 ? 3 : 1, count = height * width * channels;
    for (uint32_t i = 0; i < count; i++) {
      random = random * 1664525 + 1013904223;
      pixels[i] = (uint8_t)(trial < 30 ? random >> 24 : i / 3 + (random >> 30));
    }
    static const char *const remarks[] = {NULL, "sRGB"};
    for (int r = 0; r < 2; r++) {
      const size_t length =
          filtered_png(file, pixels, (ddla_data_shape){height, width, channels}, remarks[r]);
      ddla_image image = {0};
      CHECK_OK(ddla_image_decode(&image, file, length, 0, "filtered.png"));
      assert_int_equal(image.shape.height, height);
      assert_int_equal(image.shape.width, width);
      assert_int_equal(image.shape.channels, channels);
      assert_memory_equal(image.pixels, pixels, count);
      ddla_image_fini(&image);
      assert_int_equal(ddla_image_decode_plain(&image, file, length, 0), r == 0);
      ddla_image_fini(&image);
      file[length - 20] ^= 1; /* the sum of the data, or of their chunk */
      assert_false(ddla_image_decode_plain(&image, file, length, 0));
      file[length - 20] ^= 1;
      assert_false(ddla_image_decode_plain(&image, file, length - 1, 0));
      file[length] = 0;
      assert_false(ddla_image_decode_plain(&image, file, length + 1, 0)); /* something follows */
      assert_false(ddla_image_decode_plain(&image, file, length, channels == 3 ? 1 : 3));
    }
  }
  free(file);
}

static void pnm_that_lies(void **state) {
  (void)state;
  ddla_image image = {0};
  CHECK_FAILURE(DECODE(&image, "P5 2 1 255 a", 0), CORRUPT, "x.ppm", "1 bytes of pixels",
                "promises 2");
  CHECK_FAILURE(DECODE(&image, "P5 2 1 255 abc", 0), CORRUPT, "3 bytes of pixels", "promises 2");
  CHECK_FAILURE(DECODE(&image, "P5 2 1 255", 0), CORRUPT, "head", "damaged");
  CHECK_FAILURE(DECODE(&image, "P5 2 x 255 ab", 0), CORRUPT, "head", "damaged");
  CHECK_FAILURE(DECODE(&image, "P5 2 1 # no end", 0), CORRUPT, "head", "damaged");
  CHECK_FAILURE(DECODE(&image, "P5 0 1 255 ", 0), CORRUPT, "without pixels");
  CHECK_FAILURE(DECODE(&image, "P5 2 1 65535 abcd", 0), INVALID, "65535", "255");
  CHECK_FAILURE(DECODE(&image, "P6 16384 16384 255 a", 0), INVALID, "16384 x 16384", "at most");
  CHECK_FAILURE(DECODE(&image, "P6 99999999999999999999 9 255 a", 0), INVALID, "at most");
  CHECK_FAILURE(DECODE(&image, "P4 8 1 a", 0), CORRUPT, "x.ppm is not a PNG image", "PPM");
  CHECK_FAILURE(DECODE(&image, "P7 8 1 a", 0), CORRUPT, "is not a PNG image");
  CHECK_FAILURE(DECODE(&image, "", 0), CORRUPT, "is not a PNG image");
  assert_null(image.pixels);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pnm_images),      cmocka_unit_test(grays_are_those_of_png),
      cmocka_unit_test(jpeg_images),     cmocka_unit_test(damaged_jpeg_images),
      cmocka_unit_test(names_of_images), cmocka_unit_test(png_filters),
      cmocka_unit_test(pnm_that_lies)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
