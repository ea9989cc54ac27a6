/* What the reader of prepared sets must refuse: what a disk damages, what a copy lacks, and what
 * somebody has made who knows the format. */
#include "base/xxh3.h"
#include "data/data.h"
#include "data/prepared/prepared.h"
#include "data/prepared/test_prepared.h"

enum { IMAGES = 120, BLOCK = 65536, HASH_BYTES = 8 }; /* 94080 bytes: two blocks */

/* Where numbers stand in an index. */
enum {
  VERSION_AT = 8,
  PART_AT = 12,
  TYPE_AT = 24,
  COMPRESSED_AT = 26,
  LABELLED_AT = 28,
  HEIGHT_AT = 32,
  CHANNELS_AT = 48,
  COUNT_AT = 56,
  LENGTH_AT = 64,
  TARGETS_AT = 72,
  BLOCK_BYTES_AT = 104,
  FILE_BLOCKS_AT = 112,
  CLASSES_AT = 120,
  BLOCKS_AT = 128,
  SUMS_AT = BLOCKS_AT + 3 * 16, /* of the images: two blocks of features, one of labels */
  NAMES_AT = SUMS_AT + 16       /* one channel */
};

static const ddla_prepared_options plain = {.block_bytes = BLOCK};
static const ddla_prepared_options packed = {.block_bytes = BLOCK, .compress = true};

static const char *directory;

static void fresh(const ddla_prepared_options *options) {
  ddla_dataset *set = open_images("x", IMAGES);
  directory = prepare("bad", set, options);
  ddla_dataset_close(set);
}

static void refused(ddla_status code, const char *const *words) {
  ddla_dataset *set = NULL;
  check_failure(ddla_dataset_open(&set, &(ddla_data_source){.path = directory}), code, words);
  assert_null(set);
}
#define REFUSED(code, ...) refused(DDLA_##code, (const char *const[]){__VA_ARGS__, NULL})

static uint8_t *load(size_t *bytes, const char *name) {
  ddla_data_block block = {0};
  CHECK_OK(ddla_data_file_load(&block, test_path(name), NULL));
  uint8_t *copy = malloc(block.bytes);
  assert_non_null(copy);
  memcpy(copy, block.data, block.bytes);
  *bytes = block.bytes;
  ddla_data_block_release(&block);
  return copy;
}

static void put(uint8_t *out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> 8 * i);
}

static void save_index(uint8_t *index, size_t bytes) {
  put(index + 16, bytes, 8);
  put(index + bytes - HASH_BYTES, ddla_xxh3_of(index, bytes - HASH_BYTES), HASH_BYTES);
  write_file("bad/train.index", index, bytes);
}

/* An index in which one number is another, with the hash that it then has. */
static void set_number(size_t at, uint64_t value, int width) {
  size_t bytes = 0;
  uint8_t *index = load(&bytes, "bad/train.index");
  put(index + at, value, width);
  save_index(index, bytes);
  free(index);
}
#define REFUSED_WITH(at, value, width, code, ...)                                                  \
  do {                                                                                             \
    fresh(&plain);                                                                                 \
    set_number(at, value, width);                                                                  \
    REFUSED(code, __VA_ARGS__);                                                                    \
  } while (0)

/* A part file in which one byte is another, with the hash that its block then has. */
static void forge(const char *name, long offset, int bits, int block, size_t block_bytes) {
  size_t bytes = 0;
  flip(test_path(name), offset, bits);
  uint8_t *file = load(&bytes, name);
  const size_t begin = (size_t)offset / BLOCK * BLOCK;
  set_number(BLOCKS_AT + 16 * (size_t)block + 8, ddla_xxh3_of(file + begin, block_bytes), 8);
  free(file);
}

static void frames(void **state) {
  (void)state;
  size_t bytes = 0;
  fresh(&plain);
  uint8_t *index = load(&bytes, "bad/train.index");
  write_file("bad/train.index", index, 0);
  REFUSED(CORRUPT, "bad/train.index", "no index of a prepared set");
  write_file("bad/train.index", index, 100);
  REFUSED(CORRUPT, "bad/train.index", "cut short", "100 bytes");
  write_file("bad/train.index", index, bytes - 1);
  REFUSED(CORRUPT, "bad/train.index", "is damaged", "prepare it anew");
  write_text("bad/train.index", "something else that is long enough");
  REFUSED(CORRUPT, "does not begin with \"ddlaprep\"");
  free(index);
  REFUSED_WITH(VERSION_AT, 3, 4, UNSUPPORTED, "version 3", "this program reads up to 2",
               "newer ddla");
  REFUSED_WITH(VERSION_AT, 0, 4, UNSUPPORTED, "version 0");
  REFUSED_WITH(PART_AT, 2, 4, CORRUPT, "train.index", "the index of the part test", "renamed");
}

static void numbers(void **state) {
  (void)state;
  static const struct {
    size_t at;
    uint64_t value;
    int width;
  } rows[] = {{PART_AT, 3, 4},
              {TYPE_AT, 3, 2},
              {COMPRESSED_AT, 2, 2},
              {LABELLED_AT, 2, 4},
              {HEIGHT_AT, (uint64_t)1 << 63, 8},
              {COUNT_AT, UINT64_MAX, 8},
              {CLASSES_AT, 65537, 8}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    REFUSED_WITH(rows[i].at, rows[i].value, rows[i].width, CORRUPT, "train.index",
                 "a number in its head that cannot be");
  static const uint64_t blocks[] = {0, 1000, BLOCK + 1, (uint64_t)1 << 40};
  for (int i = 0; i < 4; i++)
    REFUSED_WITH(BLOCK_BYTES_AT, blocks[i], 8, CORRUPT, "neither fits this format");
  REFUSED_WITH(FILE_BLOCKS_AT, 0, 8, CORRUPT, "0 in a file");
  REFUSED_WITH(HEIGHT_AT, 0, 8, INVALID, "no shape of a sample");
  REFUSED_WITH(CHANNELS_AT, 1 << 25, 8, INVALID, "no shape of a sample");
  REFUSED_WITH(COUNT_AT, 0, 8, INVALID, "there must be one");
  REFUSED_WITH(COUNT_AT, (uint64_t)1 << 60, 8, INVALID, "too many");
  REFUSED_WITH(LENGTH_AT, 5, 8, CORRUPT, "only a text has a length");
  REFUSED_WITH(TARGETS_AT, 5, 8, INVALID, "either a label or targets");
  REFUSED_WITH(TYPE_AT, DDLA_DATA_TOKENS, 2, CORRUPT, "a text has one record");
  REFUSED_WITH(CLASSES_AT, 0, 8, CORRUPT, "0 classes of labels");
  REFUSED_WITH(LABELLED_AT, 0, 4, CORRUPT, "3 classes of samples without labels");
}

/* One name, which reaches a byte into the hash at the end. */
static void long_name(void) {
  size_t bytes = 0;
  fresh(&plain);
  uint8_t *index = load(&bytes, "bad/train.index");
  const size_t room = bytes - HASH_BYTES - NAMES_AT - 4;
  put(index + CLASSES_AT, 1, 8);
  memset(index + NAMES_AT + 4, 'x', room);
  put(index + NAMES_AT, room + 1, 4);
  save_index(index, bytes);
  free(index);
  REFUSED(CORRUPT, "name of class 0", "beyond the index");
}

/* Records that reach beyond their blocks, blocks beyond the index, names beyond its end. */
static void what_does_not_fit(void **state) {
  (void)state;
  REFUSED_WITH(COUNT_AT, IMAGES + 1, 8, CORRUPT, "block 1 of the features", "cannot hold 29328");
  REFUSED_WITH(COUNT_AT, IMAGES * 1000, 8, CORRUPT, "no room for so many");
  REFUSED_WITH(BLOCKS_AT, BLOCK - 1, 8, CORRUPT, "block 0 of the features", "65535");
  REFUSED_WITH(FILE_BLOCKS_AT, 1, 8, CORRUPT, "train-features-00000.part", "94144", "65600");
  REFUSED_WITH(CLASSES_AT, 4, 8, CORRUPT, "name of class 3", "beyond the index");
  REFUSED_WITH(CLASSES_AT, 2, 8, CORRUPT, "5 bytes are left");
  REFUSED_WITH(CHANNELS_AT, 1 << 20, 8, CORRUPT, "no room for so many");
  REFUSED_WITH(NAMES_AT, 0, 4, CORRUPT, "name of class 0");
  REFUSED_WITH(NAMES_AT, 1 << 30, 4, CORRUPT, "name of class 0");
  long_name();
  REFUSED_WITH(NAMES_AT + 4, 0, 1, CORRUPT, "name of class 0");
  REFUSED_WITH(NAMES_AT + 4, '2', 1, CORRUPT, "classes 0 and 2 have one name");
  fresh(&packed);
  set_number(BLOCKS_AT, 0, 8);
  REFUSED(CORRUPT, "block 0 of the features has 0 bytes");
  fresh(&packed);
  set_number(BLOCKS_AT, 3 * BLOCK, 8);
  REFUSED(CORRUPT, "block 0 of the features has 196608 bytes");
}

/* Numbers that choose memory are in range, whoever has made the file. */
static void forged_content(void **state) {
  (void)state;
  fresh(&plain);
  forge("bad/train-labels-00000.part", 4 * 7, 64, 2, IMAGES * 4);
  REFUSED(INVALID, "label 65 of sample 7", "0 to 2");
  fresh(&plain);
  forge("bad/train-labels-00000.part", 4 * 7 + 3, 128, 2, IMAGES * 4);
  REFUSED(INVALID, "of sample 7 is out of range");
  ddla_dataset *set = NULL;
  const ddla_data_source text = {
      .path = write_text("abc.txt", "abcabcabc"), .format = "text", .window = 1};
  CHECK_OK(ddla_dataset_open(&set, &text));
  directory = prepare("bad", set, &plain);
  ddla_dataset_close(set);
  forge("bad/train-features-00000.part", 6, 4, 0, 18);
  set = NULL;
  const ddla_data_source window = {.path = directory, .window = 2, .trusts_features = true};
  CHECK_FAILURE(ddla_dataset_open(&set, &window), INVALID, "number 4 of token 3", "0 to 2");
  /* A compressed block that is none, with the hash of what it is. */
  fresh(&packed);
  size_t bytes = 0;
  uint8_t *index = load(&bytes, "bad/train.index");
  uint64_t stored = 0;
  for (int i = 0; i < 8; i++) stored |= (uint64_t)index[BLOCKS_AT + i] << 8 * i;
  free(index);
  forge("bad/train-features-00000.part", 0, 255, 0, stored);
  REFUSED(CORRUPT, "train-features-00000.part: block 0", "is damaged", "frame");
}

static void tell(const char *words, void *argument) {
  snprintf(argument, DDLA_STATUS_TEXT_BYTES, "%s", words);
}

/* Content with hashes that fit, but not the fingerprint. */
static void forged_fingerprint(void **state) {
  (void)state;
  char words[DDLA_STATUS_TEXT_BYTES] = "";
  ddla_prepared_verdict verdict = {0};
  fresh(&plain);
  forge("bad/train-features-00000.part", 5, 1, 0, BLOCK);
  CHECK_OK(ddla_prepared_verify(&verdict, directory, DDLA_DATA_TRAIN, tell, words));
  assert_int_equal(verdict.damages, 1);
  if (!strstr(words, "the fingerprint is not that of the content")) fail_msg("%s", words);
}

/* The same of sums. */
static void forged_sums(void **state) {
  (void)state;
  for (size_t at = SUMS_AT; at < NAMES_AT; at += 8) {
    char words[DDLA_STATUS_TEXT_BYTES] = "";
    ddla_prepared_verdict verdict = {0};
    fresh(&plain);
    set_number(at, 12345, 8);
    CHECK_OK(ddla_prepared_verify(&verdict, directory, DDLA_DATA_TRAIN, tell, words));
    assert_int_equal(verdict.damages, 1);
    if (!strstr(words, "sums are not those of the samples")) fail_msg("%s", words);
  }
}

static void part_files(void **state) {
  (void)state;
  static const char first[] = "bad/train-features-00000.part";
  fresh(&plain);
  assert_int_equal(remove(test_path(first)), 0);
  REFUSED(CORRUPT, first, "is missing", "not whole");
  make_directory(first);
  REFUSED(INVALID, first, "not a regular file");
  assert_int_equal(rmdir(test_path(first)), 0);
  assert_int_equal(mkfifo(test_path(first), 0600), 0);
  REFUSED(INVALID, first, "not a regular file");
  fresh(&plain);
  size_t bytes = 0;
  uint8_t *file = load(&bytes, first);
  write_file(first, file, bytes - 1);
  REFUSED(CORRUPT, first, "94143 bytes", "94144", "copy the set again");
  uint8_t *longer = calloc(bytes + 1, 1);
  assert_non_null(longer);
  memcpy(longer, file, bytes);
  write_file(first, longer, bytes + 1);
  REFUSED(CORRUPT, first, "94145 bytes");
  write_file(first, "", 0);
  REFUSED(CORRUPT, first, "0 bytes");
  free(longer);
  free(file);
  /* A file of another set that is just as long. */
  fresh(&plain);
  file = load(&bytes, first);
  flip(test_path("x-images-idx3-ubyte"), 16 + 99, 1);
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = test_path("x-images-idx3-ubyte")}));
  prepare("bad", set, &plain);
  ddla_dataset_close(set);
  write_file(first, file, bytes);
  free(file);
  REFUSED(CORRUPT, first, "last 64 bytes", "of another set");
  if (geteuid() == 0) return; /* the superuser may read everything */
  fresh(&plain);
  assert_int_equal(chmod(test_path(first), 0), 0);
  REFUSED(INVALID, first, "Permission denied");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames),
      cmocka_unit_test(numbers),
      cmocka_unit_test(what_does_not_fit),
      cmocka_unit_test(forged_content),
      cmocka_unit_test(forged_fingerprint),
      cmocka_unit_test(forged_sums),
      cmocka_unit_test(part_files),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
