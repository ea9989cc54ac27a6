#include "data/augment.h"

#include <math.h>

#include "data/test_files.h"

enum { COUNT = 50, SIDE = 6, PIXELS = SIDE * SIDE };

static ddla_dataset *bytes_set, *colour_set, *float_set;

static ddla_dataset *open_idx(int dimensions, const uint32_t *sizes) {
  size_t length = 0;
  uint8_t *bytes = idx_bytes(&length, dimensions, sizes, 1, 7);
  const char *images = write_file("some-images", bytes, length);
  free(bytes);
  bytes = idx_bytes(&length, 1, sizes, 0, 1);
  write_file("some-labels", bytes, length);
  free(bytes);
  ddla_dataset *set = NULL;
  ddla_data_source source = {.path = images, .format = "idx"};
  return ddla_dataset_open(&set, &source) == DDLA_OK ? set : NULL;
}

static ddla_dataset *open_csv(void) {
  char text[COUNT * 100] = "";
  size_t used = 0;
  for (int i = 0; i < COUNT; i++) {
    for (int f = 0; f < 5; f++)
      used += (size_t)snprintf(text + used, sizeof text - used, "%d.5,", (i * 31 + f * 17) % 101);
    used += (size_t)snprintf(text + used, sizeof text - used, "%d\n", i % 3);
  }
  ddla_dataset *set = NULL;
  ddla_data_source source = {.path = write_text("some.csv", text)};
  return ddla_dataset_open(&set, &source) == DDLA_OK ? set : NULL;
}

static int open_sets(void **state) {
  if (make_test_folder(state) != 0) return -1;
  bytes_set = open_idx(3, (const uint32_t[]){COUNT, SIDE, SIDE});
  colour_set = open_idx(4, (const uint32_t[]){COUNT, SIDE, SIDE, 3});
  float_set = open_csv();
  return bytes_set && colour_set && float_set ? 0 : -1;
}

static int close_sets(void **state) {
  ddla_dataset_close(bytes_set);
  ddla_dataset_close(colour_set);
  ddla_dataset_close(float_set);
  return remove_test_folder(state);
}

static void no_options_scale_bytes(void **state) {
  (void)state;
  float out[3 * PIXELS];
  int32_t labels[3];
  int64_t indices[3] = {49, 0, 20};
  ddla_batch_fill(out, labels, bytes_set, indices, 3, NULL);
  for (int i = 0; i < 3; i++) {
    const uint8_t *pixels = ddla_dataset_features(bytes_set, indices[i]);
    assert_int_equal(labels[i], indices[i]);
    for (int p = 0; p < PIXELS; p++)
      assert_true(fabsf(out[i * PIXELS + p] - (float)pixels[p] / 255.0f) < 1e-6f);
  }
}

/* After normalising by the set's own moments every channel has mean 0 and deviation 1. */
static void check_moments(const ddla_dataset *set) {
  ddla_data_shape shape = ddla_dataset_shape(set);
  float mean[5], deviation[5];
  int64_t values = shape.height * shape.width * shape.channels, indices[COUNT];
  float *out = malloc((size_t)(values * COUNT) * sizeof *out);
  ddla_dataset_moments(mean, deviation, set);
  for (int i = 0; i < COUNT; i++) indices[i] = i;
  ddla_augment augment = {.mean = mean, .deviation = deviation};
  ddla_batch_fill(out, NULL, set, indices, COUNT, &augment);
  for (int64_t c = 0; c < shape.channels; c++) {
    double sum = 0, squares = 0, count = (double)(values / shape.channels * COUNT);
    for (int64_t i = c; i < values * COUNT; i += shape.channels) {
      sum += (double)out[i];
      squares += (double)out[i] * (double)out[i];
    }
    assert_true(fabs(sum / count) < 1e-5);
    assert_true(fabs(squares / count - 1) < 1e-5);
  }
  free(out);
}

static void moments_normalise(void **state) {
  (void)state;
  check_moments(bytes_set);
  check_moments(colour_set);
  check_moments(float_set);
}

/* The plain meaning, pixel by pixel; finds the choice among all that explain the output. */
static float source_pixel(const uint8_t *pixels, int y, int x, bool edge) {
  if (edge) {
    y = y < 0 ? 0 : y >= SIDE ? SIDE - 1 : y;
    x = x < 0 ? 0 : x >= SIDE ? SIDE - 1 : x;
  }
  bool inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
  return ((inside ? (float)pixels[y * SIDE + x] / 255.0f : 0.0f) - 0.5f) / 0.25f;
}

static bool explains(const float *out, const uint8_t *pixels, int dy, int dx, int flip, bool edge) {
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      int from = (flip ? SIDE - 1 - x : x) - dx;
      if (fabsf(out[y * SIDE + x] - source_pixel(pixels, y - dy, from, edge)) > 1e-5f) return false;
    }
  return true;
}

static void check_shifts(bool edge) {
  static const float mean = 0.5f, deviation = 0.25f;
  ddla_augment augment = {.seed = 3,
                          .shift = 2,
                          .shift_edge = edge,
                          .flip = true,
                          .mean = &mean,
                          .deviation = &deviation};
  int seen[2][5][5] = {{{0}}};
  for (augment.epoch = 0; augment.epoch < 10; augment.epoch++)
    for (int64_t i = 0; i < COUNT; i++) {
      float out[PIXELS];
      int found = 0;
      ddla_batch_fill(out, NULL, bytes_set, &i, 1, &augment);
      const uint8_t *pixels = ddla_dataset_features(bytes_set, i);
      for (int k = 0; k < 50; k++)
        if (explains(out, pixels, k / 5 % 5 - 2, k % 5 - 2, k / 25, edge)) {
          seen[k / 25][k / 5 % 5][k % 5]++;
          found++;
        }
      assert_int_equal(found, 1);
    }
  for (int k = 0; k < 50; k++) /* 10 each on average */
    assert_in_range(seen[k / 25][k / 5 % 5][k % 5], 1, 30);
}

static void shift_and_flip(void **state) {
  (void)state;
  check_shifts(false);
  check_shifts(true);
}

/* A square of 3 x 3 or its part within the image is 0, the rest as without. */
static void cutout(void **state) {
  (void)state;
  static const float mean = 7, deviation = 1; /* no pixel is 0 by itself */
  ddla_augment augment = {.seed = 3, .cutout = 3, .mean = &mean, .deviation = &deviation};
  int sizes[10] = {0};
  for (int64_t i = 0; i < COUNT; i++) {
    float out[PIXELS];
    ddla_batch_fill(out, NULL, bytes_set, &i, 1, &augment);
    const uint8_t *pixels = ddla_dataset_features(bytes_set, i);
    int x0 = SIDE, x1 = -1, y0 = SIDE, y1 = -1, zeros = 0;
    for (int p = 0; p < PIXELS; p++) {
      if (out[p] != 0) {
        assert_true(fabsf(out[p] - ((float)pixels[p] / 255.0f - 7)) < 1e-5f);
        continue;
      }
      zeros++;
      x0 = p % SIDE < x0 ? p % SIDE : x0, x1 = p % SIDE > x1 ? p % SIDE : x1;
      y0 = p / SIDE < y0 ? p / SIDE : y0, y1 = p / SIDE > y1 ? p / SIDE : y1;
    }
    assert_int_equal(zeros, (x1 - x0 + 1) * (y1 - y0 + 1));
    assert_in_range(zeros, 4, 9);
    sizes[zeros]++;
  }
  assert_true(sizes[9] > 5 && sizes[6] > 5);
}

/* A sample's choices depend on seed, epoch and index alone: not on its place, its batch or other
 * options. */
static void choices_are_keyed(void **state) {
  (void)state;
  ddla_augment augment = {.seed = 1, .epoch = 4, .shift = 2, .flip = true, .cutout = 2};
  float together[COUNT * PIXELS], alone[PIXELS];
  int64_t indices[COUNT];
  for (int i = 0; i < COUNT; i++) indices[i] = (i * 7) % COUNT;
  ddla_batch_fill(together, NULL, bytes_set, indices, COUNT, &augment);
  int changed[2] = {0};
  for (int i = 0; i < COUNT; i++) {
    ddla_batch_fill(alone, NULL, bytes_set, &indices[i], 1, &augment);
    assert_memory_equal(alone, together + i * PIXELS, sizeof alone);
    ddla_augment other[2] = {augment, augment};
    other[0].seed++, other[1].epoch++;
    for (int k = 0; k < 2; k++) {
      ddla_batch_fill(alone, NULL, bytes_set, &indices[i], 1, &other[k]);
      changed[k] += memcmp(alone, together + i * PIXELS, sizeof alone) != 0;
    }
  }
  assert_true(changed[0] > COUNT / 2 && changed[1] > COUNT / 2);
}

/* Colour images move as their channels do, and a flip keeps a pixel's channels in order. */
static void colour_follows_gray(void **state) {
  (void)state;
  static const float mean[3] = {0.1f, 0.2f, 0.3f}, deviation[3] = {1, 2, 3};
  ddla_augment augment = {
      .seed = 5, .shift = 1, .flip = true, .mean = mean, .deviation = deviation};
  for (int64_t i = 0; i < COUNT; i++) {
    float out[PIXELS * 3];
    ddla_batch_fill(out, NULL, colour_set, &i, 1, &augment);
    const uint8_t *pixels = ddla_dataset_features(colour_set, i);
    int found = 0;
    for (int k = 0; k < 18; k++) {
      int dy = k % 3 - 1, dx = k / 3 % 3 - 1, flip = k / 9, same = 1;
      for (int p = 0; p < PIXELS && same; p++)
        for (int c = 0; c < 3; c++) {
          int y = p / SIDE - dy, x = (flip ? SIDE - 1 - p % SIDE : p % SIDE) - dx;
          bool inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
          float raw = inside ? (float)pixels[(y * SIDE + x) * 3 + c] / 255.0f : 0;
          same = same && fabsf(out[p * 3 + c] - (raw - mean[c]) / deviation[c]) < 1e-5f;
        }
      found += same;
    }
    assert_int_equal(found, 1);
  }
}

/* Channel counts that fit the pattern of 48 and such that do not give the same. */
static void any_number_of_channels(void **state) {
  (void)state;
  float features[2 * 100], mean[100], deviation[100], out[2 * 100];
  for (int i = 0; i < 200; i++) features[i] = (float)(i * 37 % 101);
  for (int c = 0; c < 100; c++) mean[c] = (float)c, deviation[c] = (float)(c % 7 + 1);
  ddla_augment augment = {.mean = mean, .deviation = deviation};
  for (int64_t channels = 1; channels <= 100; channels++) {
    ddla_data_shape shape = {1, 2, channels};
    ddla_augment_fill(out, features, DDLA_DATA_FLOAT32, shape, &augment);
    for (int i = 0; i < 2 * channels; i++) {
      int64_t c = i % channels;
      assert_true(fabsf(out[i] - (features[i] - mean[c]) / deviation[c]) < 1e-4f);
    }
  }
}

typedef struct move {
  int64_t dy, dx;
  bool flip;
} move;

/* The bits of image `pixels` moved and mirrored so, pixel by pixel. */
static bool is_exactly(const float *out, const uint8_t *pixels, ddla_data_shape shape, move by,
                       const ddla_augment *augment) {
  for (int64_t y = 0; y < shape.height; y++)
    for (int64_t x = 0; x < shape.width; x++)
      for (int64_t c = 0; c < shape.channels; c++) {
        int64_t row = y - by.dy, column = (by.flip ? shape.width - 1 - x : x) - by.dx;
        if (augment->shift_edge) {
          row = row < 0 ? 0 : row >= shape.height ? shape.height - 1 : row;
          column = column < 0 ? 0 : column >= shape.width ? shape.width - 1 : column;
        }
        const bool inside = row >= 0 && row < shape.height && column >= 0 && column < shape.width;
        const double deviation = (double)augment->deviation[c];
        const float scale = (float)(1 / 255.0 / deviation);
        const float bias = (float)(-(double)augment->mean[c] / deviation);
        float wanted = bias;
        if (inside)
          wanted = (float)pixels[(row * shape.width + column) * shape.channels + c] * scale + bias;
        if (memcmp(&wanted, &out[(y * shape.width + x) * shape.channels + c], sizeof wanted) != 0)
          return false;
      }
  return true;
}

/* Rows of every length, short and longer than what is arranged at once, and means of 0, whose black
 * is -0. */
static void bits_are_those_of_plain_loops(void **state) {
  (void)state;
  static const ddla_data_shape shapes[] = {{3, 3, 1},    {3, 8, 1},     {28, 28, 1},
                                           {5, 9, 3},    {4, 33, 2},    {3, 7, 50},
                                           {300, 70, 1}, {3, 17000, 1}, {3, 6000, 3}};
  float mean[50], deviation[50];
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    const ddla_data_shape shape = shapes[s];
    const bool colour = shape.channels > 1;
    const uint32_t sizes[] = {3, (uint32_t)shape.height, (uint32_t)shape.width,
                              (uint32_t)shape.channels};
    ddla_dataset *set = open_idx(colour ? 4 : 3, sizes);
    float *out = malloc((size_t)(shape.height * shape.width * shape.channels) * sizeof *out);
    assert_non_null(set);
    assert_non_null(out);
    for (int trial = 0; trial < 24; trial++) {
      for (int c = 0; c < 50; c++)
        mean[c] = trial % 3 ? 0.1f * (float)(c + 1) : 0, deviation[c] = 0.3f + (float)c;
      const ddla_augment augment = {.seed = (uint64_t)trial,
                                    .shift = 2,
                                    .flip = true,
                                    .shift_edge = trial % 2,
                                    .mean = mean,
                                    .deviation = deviation};
      const int64_t index = trial % 3;
      int found = 0;
      ddla_batch_fill(out, NULL, set, &index, 1, &augment);
      for (int k = 0; k < 50; k++)
        found += is_exactly(out, ddla_dataset_features(set, index), shape,
                            (move){k / 5 % 5 - 2, k % 5 - 2, k / 25}, &augment);
      if (found < 1) fail_msg("shape %d, trial %d: other bits", (int)s, trial);
    }
    free(out);
    ddla_dataset_close(set);
  }
}

static void options_are_checked(void **state) {
  (void)state;
  ddla_data_shape shape = {6, 8, 1};
  static const float zero = 0, odd = NAN;
  ddla_augment good = {.shift = 5, .cutout = 6}, table = {0};
  CHECK_OK(ddla_augment_check(&good, shape));
  CHECK_OK(ddla_augment_check(&table, (ddla_data_shape){1, 1, 4}));
  ddla_augment bad[] = {
      {.shift = 6}, {.shift = -1}, {.cutout = 7}, {.deviation = &zero}, {.mean = &odd}};
  static const char *const words[] = {"shift of 6", "0 to 5", "cutout of 7", "deviation of 0",
                                      "mean"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK_FAILURE(ddla_augment_check(&bad[i], shape), INVALID, words[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_options_scale_bytes), cmocka_unit_test(moments_normalise),
      cmocka_unit_test(shift_and_flip),         cmocka_unit_test(cutout),
      cmocka_unit_test(choices_are_keyed),      cmocka_unit_test(colour_follows_gray),
      cmocka_unit_test(any_number_of_channels), cmocka_unit_test(bits_are_those_of_plain_loops),
      cmocka_unit_test(options_are_checked),
  };
  return cmocka_run_group_tests(tests, open_sets, close_sets);
}
