/* Every format of data: what is prepared from it and opened again is the same set. A new row of
 * data_list.h needs a maker here. */
#include "base/alloc.h"
#include "data/data.h"
#include "data/format/test_archives.h"
#include "data/format/test_images.h"
#include "data/prepared/test_prepared.h"

typedef struct maker {
  const char *format;
  /* Writes a small set into the test's folder, with a test part where the format has parts. Returns
   * its path. */
  const char *(*make)(void);
  bool has_test;
  int64_t window;
} maker;

static void write_idx_part(const char *part, uint32_t count) {
  char name[96];
  size_t length = 0;
  uint8_t *bytes = idx_bytes(&length, 3, (const uint32_t[]){count, 5, 7}, 1, 3);
  snprintf(name, sizeof name, "idx/%s-images-idx3-ubyte", part);
  write_file(name, bytes, length);
  free(bytes);
  bytes = idx_bytes(&length, 1, (const uint32_t[]){count}, 0, 1);
  for (uint32_t i = 0; i < count; i++) bytes[8 + i] = (uint8_t)(i * i % 5);
  snprintf(name, sizeof name, "idx/%s-labels-idx1-ubyte", part);
  write_file(name, bytes, length);
  free(bytes);
}

static const char *make_idx(void) {
  const char *path = make_directory("idx");
  write_idx_part("train", 4000); /* 140000 bytes: three blocks of features */
  write_idx_part("t10k", 9);
  return path;
}

static const char *make_csv(void) {
  char text[8192] = "length;width;kind\n";
  for (int i = 0; i < 200; i++) {
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%d.5;-%de-3;\"%s\"\n", i, i * i,
             i % 3 ? "long; or wide" : "\xc3\xa9");
  }
  return write_text("table.csv", text);
}

static const char *make_jsonl(void) {
  char text[16384] = "";
  for (int i = 0; i < 200; i++) {
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used,
             "{\"label\": \"%s\", \"size\": [%d.25, %d], \"age\": %d}\n",
             i % 3 ? "cat" : "\xc3\xa9", i, i * i, -i);
  }
  return write_text("rows.jsonl", text);
}

static const char *make_webdataset(void) {
  test_archive archive = {0};
  for (int i = 0; i < 30; i++) {
    char name[32];
    snprintf(name, sizeof name, "%03d.pgm", i);
    tar_add_gray(&archive, name, 8 * i, 6, 4);
    snprintf(name, sizeof name, "%03d.txt", i);
    tar_add_text(&archive, name, i % 3 ? "cat" : "dog");
  }
  return tar_write(&archive, "shard.tar");
}

static const char *make_folder(void) {
  const char *path = make_directory("pets");
  static const char *const places[] = {"pets/train", "pets/test", "pets/train/cat",
                                       "pets/train/dog", "pets/test/dog"};
  for (int i = 0; i < 5; i++) make_directory(places[i]);
  for (int i = 0; i < 10; i++) {
    char name[64];
    snprintf(name, sizeof name, "pets/train/%s/%d.png", i % 2 ? "cat" : "dog", i);
    write_flat_png(name, 20 * i, 6, 4);
  }
  write_flat_png("pets/test/dog/1.png", 3, 6, 4);
  return path;
}

static const char *make_text(void) {
  char text[3000] = "";
  for (size_t i = 0; i + 8 < sizeof text; i += 8)
    memcpy(text + i, i % 24 ? "abc def\n" : "\xc3\xa9 12345\n", 8);
  return write_text("words.txt", text);
}

static const char *make_synthetic(void) { return "synthetic:8x9x3:4:60"; }

static const char *make_prepared(void) {
  ddla_dataset *sets[DDLA_PREPARED_PARTS] = {open_images("a", 100), NULL, open_images("b", 7)};
  const char *path = test_path("was_prepared");
  CHECK_OK(ddla_prepared_write(path, sets, &(ddla_prepared_options){0}));
  ddla_dataset_close(sets[0]);
  ddla_dataset_close(sets[2]);
  return path;
}

static const maker makers[] = {
    {"prepared", make_prepared, true, 0}, {"text", make_text, false, 1},
    {"idx", make_idx, true, 0},           {"csv", make_csv, false, 0},
    {"folder", make_folder, true, 0},     {"synthetic", make_synthetic, true, 0},
    {"jsonl", make_jsonl, false, 0},      {"webdataset", make_webdataset, false, 0}};

static const maker *find_maker(const char *format) {
  for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
    if (strcmp(makers[i].format, format) == 0) return &makers[i];
  fail_msg("the format %s has no maker in %s", format, __FILE__);
  return NULL;
}

static ddla_dataset *open_part(const maker *by, const char *path, const char *format,
                               ddla_data_part part) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(
      &set,
      &(ddla_data_source){.path = path, .format = format, .part = part, .window = by->window}));
  return set;
}

static void check_format(const maker *by, const char *path, const ddla_prepared_options *options) {
  ddla_dataset *sets[DDLA_PREPARED_PARTS] = {NULL};
  const char *prepared = test_path("prepared");
  nftw(prepared, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  sets[DDLA_DATA_TRAIN] = open_part(by, path, by->format, DDLA_DATA_TRAIN);
  if (by->has_test) sets[DDLA_DATA_TEST] = open_part(by, path, by->format, DDLA_DATA_TEST);
  CHECK_OK(ddla_prepared_write(prepared, sets, options));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    if (!sets[p]) continue;
    ddla_dataset *again = open_part(by, prepared, NULL, (ddla_data_part)p);
    check_same(sets[p], again);
    ddla_dataset_close(again);
    ddla_dataset_close(sets[p]);
  }
}

static void every_format(void **state) {
  (void)state;
  static const ddla_prepared_options ways[] = {
      {.block_bytes = 65536}, {.block_bytes = 65536, .compress = true}, {0}};
  const char *looks_for = NULL;
  for (int i = 0; ddla_dataset_format(&looks_for, i); i++) {
    const maker *by = find_maker(ddla_dataset_format(&looks_for, i));
    const char *path = by->make();
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) check_format(by, path, &ways[w]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_format)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
