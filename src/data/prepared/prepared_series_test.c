#include "data/prepared/prepared_series.h"

#include "base/alloc.h"
#include "base/file.h"
#include "data/prepared/test_prepared.h"

static const ddla_prepared_options small = {.block_bytes = 65536, .part_bytes = 100000};

static void copy_index(ddla_prepared_index *out, const ddla_prepared_index *from, bool hashes) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  CHECK_OK(ddla_prepared_index_encode(&bytes, &length, from));
  CHECK_OK(ddla_prepared_index_parse(out, bytes, length, "a copy"));
  ddla_free(bytes);
  for (int64_t b = 0; b < out->block_count && !hashes; b++) out->blocks[b].hash = 0;
}

/* Writes what the source gives, in pieces of so many bytes, into a new directory. */
static const char *pass_on(const char *name, ddla_prepared_source *source, size_t piece,
                           bool hashes) {
  const char *path = make_directory(name);
  ddla_prepared_index index = {0};
  ddla_prepared_writer *writer = NULL;
  uint8_t *bytes = malloc(piece);
  assert_non_null(bytes);
  copy_index(&index, ddla_prepared_source_index(source), hashes);
  CHECK_OK(ddla_prepared_writer_create(&writer, path, &index));
  for (uint64_t left = ddla_prepared_series_bytes(&index); left > 0;) {
    const size_t some = left < piece ? (size_t)left : piece;
    CHECK_OK(ddla_prepared_source_read(source, bytes, some));
    CHECK_OK(ddla_prepared_writer_append(writer, bytes, some));
    left -= some;
  }
  CHECK_OK(ddla_prepared_writer_finish(writer));
  ddla_prepared_writer_destroy(writer);
  ddla_prepared_index_fini(&index);
  free(bytes);
  return path;
}

static void check_whole(const char *path, const ddla_dataset *like) {
  ddla_dataset *set = open_prepared(path);
  check_same(set, like);
  ddla_dataset_close(set);
}

static void a_set_becomes_the_files_of_prepare(void **state) {
  (void)state;
  ddla_dataset *set = open_images("plain", 200);
  ddla_prepared_source *source = NULL;
  CHECK_OK(ddla_prepared_source_of_set(&source, set, DDLA_DATA_TRAIN));
  const char *made = pass_on("of-set", source, 10007, false);
  check_whole(made, set);
  ddla_prepared_source_destroy(source);
  ddla_dataset_close(set);
}

static void files_become_the_same_files(void **state) {
  (void)state;
  ddla_dataset *set = open_images("again", 300);
  for (int compress = 0; compress < 2; compress++) {
    ddla_prepared_options options = small;
    ddla_prepared_source *source = NULL;
    char name[32], *was = NULL, *is = NULL;
    size_t was_bytes = 0, is_bytes = 0;
    options.compress = compress == 1;
    const char *path = prepare("first", set, &options);
    CHECK_OK(ddla_prepared_source_of_files(&source, path, DDLA_DATA_TRAIN));
    snprintf(name, sizeof name, "of-files-%d", compress);
    const char *made = pass_on(name, source, 70001, compress == 1);
    check_whole(made, set);
    char a[600], b[600];
    CHECK_OK(ddla_prepared_index_path(a, path, DDLA_DATA_TRAIN));
    CHECK_OK(ddla_prepared_index_path(b, made, DDLA_DATA_TRAIN));
    CHECK_OK(ddla_file_read(&was, &was_bytes, a, 1 << 20));
    CHECK_OK(ddla_file_read(&is, &is_bytes, b, 1 << 20));
    assert_int_equal(was_bytes, is_bytes);
    assert_memory_equal(was, is, is_bytes);
    ddla_free(was);
    ddla_free(is);
    ddla_prepared_source_destroy(source);
  }
  ddla_dataset_close(set);
}

static void damage_is_told(void **state) {
  (void)state;
  ddla_dataset *set = open_images("bad", 200);
  ddla_prepared_source *source = NULL;
  uint8_t *bytes = malloc(65536);
  char path[600];
  const char *made = prepare("damaged", set, &small);
  snprintf(path, sizeof path, "%s/train-features-00001.part", made);
  flip(path, 77, 4);
  CHECK_OK(ddla_prepared_source_of_files(&source, made, DDLA_DATA_TRAIN));
  CHECK_OK(ddla_prepared_source_read(source, bytes, 65536));
  CHECK_FAILURE(ddla_prepared_source_read(source, bytes, 65536), CORRUPT, "features-00001",
                "from offset 0", "its hash is another");
  ddla_prepared_source_destroy(source);
  CHECK_OK(ddla_prepared_source_of_files(&source, made, DDLA_DATA_TRAIN));
  assert_int_equal(truncate(path, 100), 0);
  CHECK_OK(ddla_prepared_source_read(source, bytes, 65536));
  CHECK_FAILURE(ddla_prepared_source_read(source, bytes, 1), CORRUPT, "features-00001",
                "has 100 bytes");
  ddla_prepared_source_destroy(source);
  free(bytes);
  ddla_dataset_close(set);
}

/* What comes with another hash, or not at all, gets no index. */
static void what_is_not_whole_has_no_index(void **state) {
  (void)state;
  ddla_dataset *set = open_images("half", 200);
  const char *path = make_directory("half-written"), *made = prepare("half-set", set, &small);
  ddla_prepared_index index = {0};
  ddla_prepared_writer *writer = NULL;
  uint8_t *bytes = calloc(65536, 1);
  CHECK_OK(ddla_prepared_index_read(&index, made, DDLA_DATA_TRAIN));
  CHECK_OK(ddla_prepared_writer_create(&writer, path, &index));
  CHECK_OK(ddla_prepared_writer_append(writer, bytes, 65535));
  CHECK_FAILURE(ddla_prepared_writer_finish(writer), INTERNAL, "missing");
  ddla_prepared_writer_destroy(writer);
  path = make_directory("wrongly-written");
  CHECK_OK(ddla_prepared_writer_create(&writer, path, &index));
  CHECK_FAILURE(ddla_prepared_writer_append(writer, bytes, 65536), CORRUPT, "features-00000",
                "block 0");
  ddla_prepared_writer_destroy(writer);
  assert_false(ddla_prepared_has(path, DDLA_DATA_TRAIN));
  ddla_prepared_index_fini(&index);
  free(bytes);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_set_becomes_the_files_of_prepare),
                                     cmocka_unit_test(files_become_the_same_files),
                                     cmocka_unit_test(damage_is_told),
                                     cmocka_unit_test(what_is_not_whole_has_no_index)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
