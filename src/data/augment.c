#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "data/format.h"
#include "data/tokens.h"

/* Channels repeat along a row; a pattern of 48 holds whole periods of 1, 2, 3, 4, 6, 8, 12, 16, 24
 * and 48. */
enum { PATTERN = 48, ARRANGED_BYTES = 16384, AHEAD = 2 };

/* y = x * scale[i % channels] + bias[i % channels], written so that it vectorises. */
typedef struct affine {
  int64_t channels;
  bool patterned;
  bool zero_is_black; /* a byte 0 becomes what fill_black writes, to the bit: not so for a bias of
                         -0 */
  float scale[PATTERN], bias[PATTERN];
  const float *mean, *deviation; /* for channel counts that do not fit the pattern */
  double unit;
} affine;

typedef struct choice {
  int64_t dx, dy, cut_x, cut_y;
  bool flip;
} choice;

static float scale_at(const affine *map, int64_t c) {
  return (float)(map->unit / (map->deviation ? (double)map->deviation[c] : 1.0));
}

static float bias_at(const affine *map, int64_t c) {
  double deviation = map->deviation ? (double)map->deviation[c] : 1.0;
  return map->mean ? (float)(-(double)map->mean[c] / deviation) : 0.0f;
}

static affine affine_make(ddla_data_type type, int64_t channels, const ddla_augment *augment) {
  affine map = {.channels = channels,
                .patterned = channels <= PATTERN && PATTERN % channels == 0,
                .mean = augment->mean,
                .deviation = augment->deviation,
                .unit = type == DDLA_DATA_UINT8 ? 1.0 / 255.0 : 1.0};
  for (int i = 0; map.patterned && i < PATTERN; i++) {
    map.scale[i] = scale_at(&map, i % channels);
    map.bias[i] = bias_at(&map, i % channels);
  }
  map.zero_is_black = type == DDLA_DATA_UINT8;
  for (int64_t c = 0; c < channels; c++)
    map.zero_is_black &= bias_at(&map, c) != 0 || !signbit(bias_at(&map, c));
  return map;
}

static void convert_bytes(float *restrict out, const uint8_t *restrict in, int64_t count,
                          const affine *restrict map) {
  int64_t i = 0;
  if (map->channels == 1) {
    float scale = map->scale[0], bias = map->bias[0];
    for (; i < count; i++) out[i] = (float)in[i] * scale + bias;
  } else if (map->patterned) {
    for (; i + PATTERN <= count; i += PATTERN)
      for (int k = 0; k < PATTERN; k++)
        out[i + k] = (float)in[i + k] * map->scale[k] + map->bias[k];
    for (int k = 0; i < count; i++, k++) out[i] = (float)in[i] * map->scale[k] + map->bias[k];
  } else {
    for (int64_t c = 0; i < count; i++, c = c + 1 == map->channels ? 0 : c + 1)
      out[i] = (float)in[i] * scale_at(map, c) + bias_at(map, c);
  }
}

static void convert_floats(float *restrict out, const float *restrict in, int64_t count,
                           const affine *restrict map) {
  int64_t i = 0;
  if (map->channels == 1) {
    float scale = map->scale[0], bias = map->bias[0];
    for (; i < count; i++) out[i] = in[i] * scale + bias;
  } else if (map->patterned) {
    for (; i + PATTERN <= count; i += PATTERN)
      for (int k = 0; k < PATTERN; k++) out[i + k] = in[i + k] * map->scale[k] + map->bias[k];
    for (int k = 0; i < count; i++, k++) out[i] = in[i] * map->scale[k] + map->bias[k];
  } else {
    for (int64_t c = 0; i < count; i++, c = c + 1 == map->channels ? 0 : c + 1)
      out[i] = in[i] * scale_at(map, c) + bias_at(map, c);
  }
}

static void convert(float *out, const void *features, int64_t first, int64_t count,
                    ddla_data_type type, const affine *map) {
  if (type == DDLA_DATA_UINT8) convert_bytes(out, (const uint8_t *)features + first, count, map);
  else convert_floats(out, (const float *)features + first, count, map);
}

static void fill_black(float *out, int64_t pixels, const affine *map) {
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t c = 0; c < map->channels; c++)
      out[p * map->channels + c] = map->patterned ? map->bias[c] : bias_at(map, c);
}

static void repeat_pixel(float *out, const float *pixel, int64_t pixels, int64_t channels) {
  for (int64_t p = 0; p < pixels; p++)
    memmove(out + p * channels, pixel, (size_t)channels * sizeof *out);
}

static void mirror_row(float *row, int64_t width, int64_t channels) {
  for (int64_t a = 0, b = width - 1; a < b; a++, b--)
    for (int64_t c = 0; c < channels; c++) {
      float held = row[a * channels + c];
      row[a * channels + c] = row[b * channels + c];
      row[b * channels + c] = held;
    }
}

/* All numbers are drawn whatever is switched on, so that one option does not change another's. */
static choice draw(const ddla_augment *augment, ddla_data_shape shape, int64_t index) {
  uint64_t key =
      ddla_rng_key(augment->seed, DDLA_PURPOSE_AUGMENT, (uint64_t)augment->epoch, (uint64_t)index);
  ddla_rng rng = ddla_rng_make(key);
  uint64_t span = 2 * (uint64_t)augment->shift + 1;
  choice drawn = {0};
  drawn.dx = (int64_t)((ddla_rng_u32(&rng) * span) >> 32) - augment->shift;
  drawn.dy = (int64_t)((ddla_rng_u32(&rng) * span) >> 32) - augment->shift;
  uint32_t bits = ddla_rng_u32(&rng);
  drawn.flip = augment->flip && (bits >> 31) != 0;
  drawn.cut_x = (int64_t)ddla_rng_below(&rng, (uint64_t)shape.width);
  drawn.cut_y = (int64_t)ddla_rng_below(&rng, (uint64_t)shape.height);
  return drawn;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : (x > high ? high : x);
}

typedef struct picture {
  const void *features;
  ddla_data_type type;
  ddla_data_shape shape;
  const affine *map;
} picture;

/* One row of the shifted image: source row y - dy, columns x - dx. */
static void shift_row(float *out, const picture *from, int64_t y, const choice *drawn, bool edge) {
  int64_t width = from->shape.width, channels = from->shape.channels;
  int64_t row = y - drawn->dy, left = clamp(drawn->dx, 0, width);
  int64_t right = clamp(width + drawn->dx, 0, width);
  if (edge) row = clamp(row, 0, from->shape.height - 1);
  if (row < 0 || row >= from->shape.height) {
    fill_black(out, width, from->map);
    return;
  }
  int64_t first = (row * width + left - drawn->dx) * channels;
  convert(out + left * channels, from->features, first, (right - left) * channels, from->type,
          from->map);
  if (edge) {
    repeat_pixel(out, out + left * channels, left, channels);
    repeat_pixel(out + right * channels, out + (right - 1) * channels, width - right, channels);
  } else {
    fill_black(out, left, from->map);
    fill_black(out + right * channels, width - right, from->map);
  }
}

/* Bytes, the last one first; from 8 on by eights, the last of which may overlap. */
static inline void copy_backwards(uint8_t *out, const uint8_t *in, int64_t count) {
  uint64_t word = 0;
  int64_t i = 0;
  for (; i + 8 <= count || (i < count && count >= 8); i += 8) {
    if (i + 8 > count) i = count - 8;
    memcpy(&word, in + count - 8 - i, 8);
    word = __builtin_bswap64(word);
    memcpy(out + i, &word, 8);
  }
  for (; i < count; i++) out[i] = in[count - 1 - i];
}

static void mirror_bytes(uint8_t *out, const uint8_t *in, int64_t rows, int64_t width,
                         int64_t channels) {
  for (int64_t y = 0; y < rows; y++, out += width * channels, in += width * channels) {
    if (channels == 1) copy_backwards(out, in, width);
    for (int64_t x = 0; channels > 1 && x < width; x++)
      for (int64_t c = 0; c < channels; c++)
        out[x * channels + c] = in[(width - 1 - x) * channels + c];
  }
}

/* Rows [y, y + rows) of the shifted image in bytes; black comes in. All rows that come from the
 * image are one copy, whose ends of rows are then cleared. */
static void shift_bytes(uint8_t *out, const picture *from, int64_t y, int64_t rows,
                        const choice *drawn) {
  const int64_t channels = from->shape.channels, row = from->shape.width * channels;
  const int64_t first = clamp(y - drawn->dy, 0, from->shape.height);
  const int64_t end = clamp(y + rows - drawn->dy, first, from->shape.height);
  const int64_t above = end > first ? first + drawn->dy - y : rows;
  const int64_t left = drawn->dx > 0 ? drawn->dx * channels : 0;
  const int64_t right = drawn->dx < 0 ? -drawn->dx * channels : 0;
  memset(out, 0, (size_t)(above * row));
  if (end == first) return;
  uint8_t *inside = out + above * row;
  memcpy(inside + left, (const uint8_t *)from->features + first * row + right,
         (size_t)((end - first) * row - left - right));
  for (int64_t i = 0; i < end - first; i++) {
    for (int64_t k = 0; k < left; k++) inside[i * row + k] = 0;
    for (int64_t k = row - right; k < row; k++) inside[i * row + k] = 0;
  }
  memset(inside + (end - first) * row, 0, (size_t)((rows - above - (end - first)) * row));
}

/* Moves bytes first and converts many rows at a time. False where that would not give the bits of
 * shift_row, or a row is too long. */
static bool fill_arranged(float *out, const picture *from, const choice *drawn, bool edge) {
  uint8_t shifted[ARRANGED_BYTES], mirrored[ARRANGED_BYTES];
  const int64_t row = from->shape.width * from->shape.channels, most = ARRANGED_BYTES / row;
  if (most == 0 || edge || !from->map->zero_is_black) return false;
  for (int64_t y = 0; y < from->shape.height; y += most) {
    const int64_t left = from->shape.height - y, rows = left < most ? left : most;
    shift_bytes(shifted, from, y, rows, drawn);
    if (drawn->flip) mirror_bytes(mirrored, shifted, rows, from->shape.width, from->shape.channels);
    convert_bytes(out + y * row, drawn->flip ? mirrored : shifted, rows * row, from->map);
  }
  return true;
}

static void cut_square(float *out, ddla_data_shape shape, const choice *drawn, int64_t side) {
  int64_t top = drawn->cut_y - side / 2, left = drawn->cut_x - side / 2;
  int64_t x0 = clamp(left, 0, shape.width), x1 = clamp(left + side, 0, shape.width);
  int64_t y0 = clamp(top, 0, shape.height), y1 = clamp(top + side, 0, shape.height);
  for (int64_t y = y0; y < y1; y++)
    memset(out + (y * shape.width + x0) * shape.channels, 0,
           (size_t)((x1 - x0) * shape.channels) * sizeof *out);
}

static void fill_one(float *out, const picture *from, const ddla_augment *augment, int64_t index) {
  ddla_data_shape shape = from->shape;
  if (augment->shift == 0 && !augment->flip && augment->cutout == 0) {
    convert(out, from->features, 0, ddla_data_shape_count(shape), from->type, from->map);
    return;
  }
  choice drawn = draw(augment, shape, index);
  const bool arranged = fill_arranged(out, from, &drawn, augment->shift_edge);
  for (int64_t y = 0; !arranged && y < shape.height; y++) {
    float *row = out + y * shape.width * shape.channels;
    shift_row(row, from, y, &drawn, augment->shift_edge);
    if (drawn.flip) mirror_row(row, shape.width, shape.channels);
  }
  if (augment->cutout > 0) cut_square(out, shape, &drawn, augment->cutout);
}

/* Label or target of a root's record `row` as number i of a batch. */
static void copy_label(void *labels, int64_t i, const ddla_dataset *set, int64_t row) {
  const int64_t count = set->target_count;
  if (set->targets)
    memcpy((float *)labels + i * count, set->targets + row * count, (size_t)count * sizeof(float));
  else ((int32_t *)labels)[i] = set->labels ? set->labels[row] : -1;
}

/* Samples lie anywhere: without this the processor waits for each. */
static void fetch_ahead(const ddla_dataset *set, int64_t index) {
  enum { LINE = 64, LINES_MAX = 64 };
  const char *record = ddla_dataset_features(set, index);
  const int64_t bytes =
      ddla_data_shape_count(set->shape) * (int64_t)ddla_data_type_bytes(set->type);
  for (int64_t at = 0; at < bytes && at < LINE * LINES_MAX; at += LINE)
    __builtin_prefetch(record + at);
}

void ddla_batch_fill(void *out, void *labels, const ddla_dataset *set, const int64_t *indices,
                     int64_t count, const ddla_augment *augment) {
  static const ddla_augment none;
  if (!augment) augment = &none;
  if (set->type == DDLA_DATA_TOKENS) {
    ddla_tokens_fill(out, labels, set, indices, count, augment);
    return;
  }
  affine map = affine_make(set->type, set->shape.channels, augment);
  int64_t values = ddla_data_shape_count(set->shape);
  const size_t bytes = (size_t)values * ddla_data_type_bytes(set->type);
  for (int64_t i = 0; i < count; i++) {
    const bool near = !augment->features;
    if (near && i + AHEAD < count) fetch_ahead(set, indices[i + AHEAD]);
    int64_t row = 0;
    const ddla_dataset *root = ddla_dataset_record(&row, set, indices[i]);
    picture from = {.features = near ? ddla_dataset_features(root, row)
                                     : (const char *)augment->features + (size_t)i * bytes,
                    .type = set->type,
                    .shape = set->shape,
                    .map = &map};
    fill_one((float *)out + i * values, &from, augment, indices[i]);
    if (labels) copy_label(labels, i, root, row);
  }
}

void ddla_augment_fill(float *out, const void *features, ddla_data_type type, ddla_data_shape shape,
                       const ddla_augment *augment) {
  ddla_augment only = {.mean = augment ? augment->mean : NULL,
                       .deviation = augment ? augment->deviation : NULL};
  affine map = affine_make(type, shape.channels, &only);
  convert(out, features, 0, ddla_data_shape_count(shape), type, &map);
}

ddla_status ddla_augment_check(const ddla_augment *augment, ddla_data_shape shape) {
  int64_t least = shape.height < shape.width ? shape.height : shape.width;
  if (augment->shift < 0 || augment->shift >= least)
    if (augment->shift != 0)
      return DDLA_FAIL(INVALID, "a shift of %d pixels; images of %lld x %lld allow 0 to %lld",
                       augment->shift, (long long)shape.height, (long long)shape.width,
                       (long long)least - 1);
  if (augment->cutout < 0 || augment->cutout > least)
    return DDLA_FAIL(INVALID, "a cutout of %d pixels; images of %lld x %lld allow 0 to %lld",
                     augment->cutout, (long long)shape.height, (long long)shape.width,
                     (long long)least);
  for (int64_t c = 0; c < shape.channels; c++) {
    if (augment->deviation && !(augment->deviation[c] > 0 && isfinite(augment->deviation[c])))
      return DDLA_FAIL(INVALID, "a standard deviation of %g for channel %lld; expected more than 0",
                       (double)augment->deviation[c], (long long)c);
    if (augment->mean && !isfinite(augment->mean[c]))
      return DDLA_FAIL(INVALID, "a mean of %g for channel %lld; expected a number",
                       (double)augment->mean[c], (long long)c);
  }
  return DDLA_OK;
}
