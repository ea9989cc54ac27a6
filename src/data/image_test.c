#include "data/image.h"

#include "data/data.h"
#include "data/test_images.h"

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
  const struct CMUnitTest tests[] = {cmocka_unit_test(pnm_images),
                                     cmocka_unit_test(grays_are_those_of_png),
                                     cmocka_unit_test(pnm_that_lies)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
