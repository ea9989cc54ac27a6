#include "share/tiers/catalog.h"

#include "data/prepared/test_prepared.h"
#include "share/tiers/origin.h"
#include "share/tiers/spill.h"

enum { IMAGES = 400, BLOCK = 65536 };

static ddla_dataset *open_far(ddla_origin **origin, const char *path) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_origin_open(origin, path));
  const ddla_far_files files = ddla_origin_files(*origin);
  CHECK_OK(ddla_dataset_open_far(&set, &(ddla_data_source){.path = path}, &files));
  return set;
}

/* Puts a sample together from its pieces. */
static void read_sample(uint8_t *out, const ddla_catalog *catalog, int set, int64_t row,
                        uint8_t *block, uint8_t *scratch) {
  for (size_t done = 0; done < catalog->set[set].sample_bytes;) {
    const ddla_piece piece = ddla_catalog_piece(catalog, set, row, done);
    assert_true(ddla_catalog_has(catalog, &piece));
    CHECK_OK(ddla_catalog_read(block, scratch, catalog, piece.block));
    memcpy(out + done, block + piece.offset, piece.bytes);
    if (catalog->stored_bytes == 0) {
      CHECK_OK(ddla_catalog_read_piece(block, catalog, &piece));
      assert_memory_equal(block, out + done, piece.bytes);
    }
    done += piece.bytes;
  }
}

/* Also across borders of blocks, of two sets, compressed or not. */
static void samples_are_pieces_of_blocks(void **state) {
  (void)state;
  uint8_t sample[784], *block = malloc(2 * BLOCK), *scratch = malloc(2 * BLOCK);
  ddla_dataset *set = open_images("x", IMAGES), *other = open_images("y", 90);
  for (int compress = 0; compress < 2; compress++) {
    const ddla_prepared_options options = {
        .block_bytes = BLOCK, .part_bytes = 2 * BLOCK, .compress = compress};
    ddla_origin *origin[2] = {NULL};
    ddla_dataset *far[] = {open_far(&origin[0], prepare("one", set, &options)),
                           open_far(&origin[1], prepare("two", other, &options))};
    ddla_catalog catalog = {0};
    for (int i = 0; i < 2; i++) {
      const ddla_far_files files = ddla_origin_files(origin[i]);
      assert_int_equal(ddla_catalog_add(&catalog, ddla_dataset_far(far[i]), &files), i);
    }
    assert_int_equal(catalog.blocks, 5 + 2);
    assert_int_equal(catalog.bytes, (IMAGES + 90) * 784);
    for (int64_t i = 0; i < IMAGES; i += 11) {
      read_sample(sample, &catalog, 0, i, block, scratch);
      assert_memory_equal(sample, ddla_dataset_features(set, i), 784);
    }
    read_sample(sample, &catalog, 0, BLOCK / 784, block, scratch); /* lies in two blocks */
    assert_memory_equal(sample, ddla_dataset_features(set, BLOCK / 784), 784);
    read_sample(sample, &catalog, 1, 89, block, scratch);
    assert_memory_equal(sample, ddla_dataset_features(other, 89), 784);
    const ddla_piece wrong[] = {{.block = 7, .bytes = 1},
                                {.block = -1, .bytes = 1},
                                {.block = 6, .offset = 5024, .bytes = 1},
                                {.block = 0, .offset = BLOCK - 1, .bytes = 2},
                                {.block = 0}};
    for (int i = 0; i < 5; i++) assert_false(ddla_catalog_has(&catalog, &wrong[i]));
    for (int i = 0; i < 2; i++) {
      ddla_dataset_close(far[i]);
      ddla_origin_close(origin[i]);
    }
  }
  ddla_dataset_close(set);
  ddla_dataset_close(other);
  free(block);
  free(scratch);
}

/* What can be known at the start is: labels, classes, count, fingerprint. */
static void a_set_is_opened_where_it_lies(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES);
  ddla_origin *origin = NULL;
  ddla_dataset *far = open_far(&origin, prepare("one", set, &(ddla_prepared_options){0}));
  assert_int_equal(ddla_dataset_count(far), IMAGES);
  assert_int_equal(ddla_dataset_classes(far), 3);
  for (int64_t i = 0; i < IMAGES; i++)
    assert_int_equal(ddla_dataset_label(far, i), ddla_dataset_label(set, i));
  const ddla_data_fingerprint p = ddla_dataset_fingerprint(far), q = ddla_dataset_fingerprint(set);
  assert_memory_equal(&p, &q, sizeof p);
  assert_null(ddla_dataset_far(set));
  assert_true(ddla_origin_bytes(origin) < IMAGES * 784 / 2);
  ddla_dataset_close(far);
  ddla_origin_close(origin);
  ddla_dataset_close(set);
}

static void expect_failure(const char *path, ddla_status code, const char *words) {
  ddla_dataset *set = NULL;
  ddla_origin *origin = NULL;
  CHECK_OK(ddla_origin_open(&origin, path));
  const ddla_far_files files = ddla_origin_files(origin);
  check_failure(ddla_dataset_open_far(&set, &(ddla_data_source){.path = path}, &files), code,
                (const char *const[]){path, words, NULL});
  assert_null(set);
  ddla_origin_close(origin);
}

static void damage_at_the_start_is_named(void **state) {
  (void)state;
  const ddla_prepared_options options = {.block_bytes = BLOCK, .part_bytes = 2 * BLOCK};
  ddla_dataset *set = open_images("x", IMAGES);
  expect_failure(test_path("nowhere"), DDLA_INVALID, "train.index");
  const char *path = prepare("damaged", set, &options);
  flip(test_path("damaged/train-labels-00000.part"), 3, 1);
  expect_failure(path, DDLA_CORRUPT, "train-labels-00000.part: block 0");
  path = prepare("damaged", set, &options);
  flip(test_path("damaged/train-features-00001.part"), 2 * BLOCK + 5, 1);
  expect_failure(path, DDLA_CORRUPT, "train-features-00001.part: the last 64 bytes");
  assert_int_equal(truncate(test_path("damaged/train-features-00001.part"), 2 * BLOCK), 0);
  expect_failure(path, DDLA_CORRUPT, "train-features-00001.part has 131072 bytes");
  assert_int_equal(remove(test_path("damaged/train-features-00001.part")), 0);
  expect_failure(path, DDLA_CORRUPT, "train-features-00001.part is missing");
  path = prepare("damaged", set, &options);
  flip(test_path("damaged/train.index"), 60, 1);
  expect_failure(path, DDLA_CORRUPT, "train.index is damaged");
  ddla_dataset_close(set);
}

static void a_damaged_block_is_named(void **state) {
  (void)state;
  const ddla_prepared_options options = {.block_bytes = BLOCK, .part_bytes = 2 * BLOCK};
  ddla_dataset *set = open_images("x", IMAGES);
  ddla_origin *origin = NULL;
  uint8_t *block = malloc(BLOCK);
  ddla_dataset *far = open_far(&origin, prepare("damaged", set, &options));
  const ddla_far_files files = ddla_origin_files(origin);
  ddla_catalog catalog = {0};
  ddla_catalog_add(&catalog, ddla_dataset_far(far), &files);
  flip(test_path("damaged/train-features-00001.part"), BLOCK + 9, 4);
  CHECK_OK(ddla_catalog_read(block, NULL, &catalog, 2));
  CHECK_FAILURE(ddla_catalog_read(block, NULL, &catalog, 3), CORRUPT,
                "train-features-00001.part: block 1 (from offset 65536, 65536 bytes)", "hash");
  ddla_origin_stop(origin);
  CHECK_FAILURE(ddla_catalog_read(block, NULL, &catalog, 2), INTERRUPTED, "stopped");
  free(block);
  ddla_dataset_close(far);
  ddla_origin_close(origin);
  ddla_dataset_close(set);
}

static void addresses_are_told_from_paths(void **state) {
  (void)state;
  assert_true(ddla_origin_is_address("http://x/y"));
  assert_true(ddla_origin_is_address("HTTPS://x"));
  assert_false(ddla_origin_is_address("http:/x"));
  assert_false(ddla_origin_is_address("data/http://"));
}

static void what_is_spilled_comes_back(void **state) {
  (void)state;
  ddla_spill *spill = NULL;
  char back[4] = "";
  CHECK_OK(ddla_spill_create(&spill, test_path("tier/deep"), 100));
  CHECK_OK(ddla_spill_write(spill, 3, "abcdef", 6));
  CHECK_OK(ddla_spill_write(spill, 0, "xyz", 3));
  CHECK_OK(ddla_spill_read(back, spill, 3, 2, 3));
  assert_memory_equal(back, "cde", 3);
  CHECK_FAILURE(ddla_spill_read(back, spill, 9, 0, 3), IO, "tier/deep");
  ddla_spill_destroy(spill);
  assert_int_equal(rmdir(test_path("tier/deep")), 0); /* nothing is left in it */
  write_text("a_file", "x");
  CHECK_FAILURE(ddla_spill_create(&spill, test_path("a_file"), 100), INVALID, "a_file");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_are_pieces_of_blocks),
      cmocka_unit_test(a_set_is_opened_where_it_lies),
      cmocka_unit_test(damage_at_the_start_is_named),
      cmocka_unit_test(a_damaged_block_is_named),
      cmocka_unit_test(addresses_are_told_from_paths),
      cmocka_unit_test(what_is_spilled_comes_back),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
