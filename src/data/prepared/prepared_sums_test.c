/* The sums that a prepared set keeps are those of its samples, to the last bit. */
#include <math.h>

#include "base/alloc.h"
#include "data/format.h"
#include "data/prepared/far.h"
#include "data/prepared/prepared_series.h"
#include "data/prepared/test_prepared.h"
#include "data/summer.h"

enum { CHANNELS = 3, ROWS = 9001, PLACES = 2 };

static const ddla_prepared_options small = {.block_bytes = 65536, .part_bytes = 100000};
static const ddla_prepared_options packed = {.block_bytes = 65536, .compress = true};

/* Samples of two places with three channels: one spreads little about a large mean, one never
 * changes; rows do not end where blocks do. */
static double value_at(int64_t i, int c) {
  return c == 0 ? 1e4 + (double)(i * i % 1009) / 977 : c == 1 ? -0.1 : (double)(i % 256);
}

static ddla_status read_rows(ddla_dataset *set, const ddla_data_source *source) {
  const bool whole = strcmp(source->format, "whole") == 0;
  ddla_data_records records = {.type = whole ? DDLA_DATA_UINT8 : DDLA_DATA_FLOAT32,
                               .shape = {1, PLACES, CHANNELS},
                               .count = ROWS};
  DDLA_TRY(ddla_dataset_make(&records, set, source));
  for (int64_t i = 0; i < ROWS * PLACES; i++)
    for (int c = 0; c < CHANNELS; c++)
      if (whole) ((uint8_t *)records.features)[i * CHANNELS + c] = (uint8_t)((i * 7 + c) % 251);
      else ((float *)records.features)[i * CHANNELS + c] = (float)value_at(i, c);
  return DDLA_OK;
}

static ddla_dataset *open_rows(bool whole) {
  const ddla_data_format rows = {
      .name = whole ? "whole" : "real", .looks_for = "rows", .read = read_rows};
  const ddla_data_format *const brought[] = {&rows};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(
      &set, &(ddla_data_source){
                .path = test_folder, .format = rows.name, .formats = brought, .format_count = 1}));
  return set;
}

/* What files there are is no matter here. */
static ddla_status read_file(void *argument, void *out, const char *name, uint64_t offset,
                             size_t bytes) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", (const char *)argument, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
  assert_int_equal(fread(out, 1, bytes, file), bytes);
  fclose(file);
  return DDLA_OK;
}

static ddla_status size_file(void *argument, bool *there, uint64_t *bytes, const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", (const char *)argument, name);
  *there = access(path, F_OK) == 0;
  *bytes = *there ? (uint64_t)file_bytes(path) : 0;
  return DDLA_OK;
}

static ddla_dataset *open_far(const char *path) {
  char *argument = (char *)(uintptr_t)path;
  const ddla_far_files files = {
      .where = path, .read = read_file, .size = size_file, .argument = argument};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open_far(&set, &(ddla_data_source){.path = path}, &files));
  return set;
}

static void check_moments(const ddla_dataset *set, const ddla_dataset *like) {
  float mean[2][CHANNELS] = {{0}}, deviation[2][CHANNELS] = {{0}};
  ddla_channel_sums sums[2][CHANNELS];
  memset(sums, 0, sizeof sums);
  ddla_dataset_moments(mean[0], deviation[0], set);
  ddla_dataset_moments(mean[1], deviation[1], like);
  assert_memory_equal(mean[0], mean[1], sizeof mean[0]);
  assert_memory_equal(deviation[0], deviation[1], sizeof deviation[0]);
  ddla_dataset_sums(sums[0], set);
  ddla_dataset_sums(sums[1], like);
  assert_memory_equal(sums[0], sums[1], sizeof sums[0]);
}

static void a_set_keeps_its_sums(void **state) {
  (void)state;
  for (int way = 0; way < 4; way++) {
    ddla_dataset *set = open_rows(way % 2);
    assert_false(ddla_dataset_summed(set));
    const char *path = prepare("kept", set, way < 2 ? &small : &packed);
    ddla_dataset *near = open_prepared(path), *far = open_far(path);
    assert_true(ddla_dataset_summed(near));
    assert_true(ddla_dataset_summed(far));
    check_moments(near, set);
    check_moments(far, set);
    ddla_dataset_close(near);
    ddla_dataset_close(far);
    ddla_dataset_close(set);
  }
}

/* A view has sums of its own: those of its samples. */
static void a_view_does_not(void **state) {
  (void)state;
  ddla_dataset *set = open_rows(false), *view = NULL, *like = NULL;
  ddla_dataset *near = open_prepared(prepare("kept", set, &small));
  const ddla_data_subset half = {.first = 0, .count = ROWS / 2};
  CHECK_OK(ddla_dataset_subset(&view, near, &half));
  CHECK_OK(ddla_dataset_subset(&like, set, &half));
  assert_false(ddla_dataset_summed(view));
  check_moments(view, like);
  ddla_dataset *const all[] = {view, like, near, set};
  for (int i = 0; i < 4; i++) ddla_dataset_close(all[i]);
}

/* An index without sums is that of the first version, which is read as ever. */
static void older_sets_open(void **state) {
  (void)state;
  ddla_dataset *set = open_rows(false);
  ddla_prepared_index index = {0};
  const char *path = prepare("older", set, &small);
  char first[512];
  snprintf(first, sizeof first, "%s/train.index", path);
  const long with = file_bytes(first);
  CHECK_OK(ddla_prepared_index_read(&index, path, DDLA_DATA_TRAIN));
  ddla_free(index.sums);
  index.sums = NULL;
  CHECK_OK(ddla_prepared_index_store(path, &index));
  assert_int_equal(file_bytes(first), with - 16 * CHANNELS);
  ddla_prepared_index_fini(&index);
  ddla_dataset *near = open_prepared(path), *far = open_far(path);
  assert_false(ddla_dataset_summed(near));
  assert_false(ddla_dataset_summed(far));
  check_moments(near, set);
  check_same(near, set);
  /* Prepared again it has them. */
  ddla_dataset *again = open_prepared(prepare("again", near, &small));
  assert_true(ddla_dataset_summed(again));
  check_moments(again, set);
  ddla_dataset *const all[] = {again, far, near, set};
  for (int i = 0; i < 4; i++) ddla_dataset_close(all[i]);
}

/* Files that were made from a series get them at the end. */
static void a_series_gets_them(void **state) {
  (void)state;
  ddla_dataset *set = open_rows(false);
  ddla_prepared_source *source = NULL;
  ddla_prepared_writer *writer = NULL;
  ddla_prepared_index index = {0};
  const char *path = make_directory("series");
  uint8_t *bytes = NULL;
  CHECK_OK(ddla_prepared_source_of_set(&source, set, DDLA_DATA_TRAIN));
  CHECK_OK(ddla_prepared_plan(&index, set, DDLA_DATA_TRAIN, &(ddla_prepared_options){0}));
  const uint64_t all = ddla_prepared_series_bytes(&index);
  CHECK_OK(DDLA_NEW(bytes, all));
  CHECK_OK(ddla_prepared_writer_create(&writer, path, &index));
  CHECK_OK(ddla_prepared_source_read(source, bytes, all));
  CHECK_OK(ddla_prepared_writer_append(writer, bytes, all));
  CHECK_OK(ddla_prepared_writer_finish(writer));
  ddla_dataset *near = open_prepared(path);
  assert_true(ddla_dataset_summed(near));
  check_moments(near, set);
  ddla_dataset_close(near);
  ddla_free(bytes);
  ddla_prepared_writer_destroy(writer);
  ddla_prepared_source_destroy(source);
  ddla_prepared_index_fini(&index);
  ddla_dataset_close(set);
}

/* Makes a number another, by as little as can be. */
static void spoil(ddla_channel_sums *sums, bool whole, bool first) {
  if (whole && first) sums->sum++;
  else if (whole) sums->squares++;
  else if (first) sums->average = nextafter(sums->average, 1e9);
  else sums->spread = nextafter(sums->spread, 1e9);
}

/* In pieces of whatever length, and one bit off is found in each of the numbers. */
static void a_summer_agrees_with_what_is(void **state) {
  (void)state;
  for (int whole = 0; whole < 2; whole++) {
    ddla_dataset *set = open_rows(whole);
    const ddla_data_records records = {.type = set->type, .shape = set->shape, .count = set->count};
    const size_t size = whole ? 1 : sizeof(float), all = (size_t)ROWS * PLACES * CHANNELS * size;
    for (int wrong = 0; wrong <= 2 * CHANNELS; wrong++) {
      ddla_channel_sums said[CHANNELS];
      ddla_data_summer *summer = NULL;
      ddla_dataset_sums(said, set);
      ddla_channel_sums *at = &said[wrong % CHANNELS];
      if (wrong < 2 * CHANNELS) spoil(at, whole, wrong < CHANNELS);
      CHECK_OK(ddla_data_summer_create(&summer, &records, said));
      for (size_t done = 0, piece = 5 * size; done < all; done += piece) {
        if (piece > all - done) piece = all - done;
        ddla_data_summer_add(summer, (const uint8_t *)set->features + done, piece);
      }
      assert_int_equal(ddla_data_summer_agrees(summer), wrong == 2 * CHANNELS);
      ddla_data_summer_destroy(summer);
    }
    ddla_dataset_close(set);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_set_keeps_its_sums),
      cmocka_unit_test(a_view_does_not),
      cmocka_unit_test(older_sets_open),
      cmocka_unit_test(a_series_gets_them),
      cmocka_unit_test(a_summer_agrees_with_what_is),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
