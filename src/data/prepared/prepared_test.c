#include "data/prepared/prepared.h"

#include <signal.h>
#include <sys/wait.h>

#include "data/format.h"
#include "data/prepared/test_prepared.h"

enum { IMAGES = 300, BLOCK = 65536 }; /* 235200 bytes of features: four blocks */

static const ddla_prepared_options small = {.block_bytes = BLOCK, .part_bytes = 2 * BLOCK};
static const ddla_prepared_options packed = {
    .block_bytes = BLOCK, .part_bytes = 2 * BLOCK, .compress = true, .threads = 3};

static int count_entries(const char *path) {
  DIR *folder = opendir(path);
  int found = 0;
  assert_non_null(folder);
  while (readdir(folder)) found++;
  closedir(folder);
  return found - 2;
}

static void images(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES);
  const ddla_prepared_options *const ways[] = {&small, &packed, &(ddla_prepared_options){0}};
  static const int files[] = {4, 4, 3}; /* features, labels, index */
  for (int w = 0; w < 3; w++) {
    const char *path = prepare("images", set, ways[w]);
    assert_int_equal(count_entries(path), files[w]);
    ddla_dataset *again = open_prepared(path);
    check_same(set, again);
    assert_int_equal(ddla_dataset_bytes(again), IMAGES * (784 + 4));
    assert_int_equal(ddla_dataset_memory(again),
                     ways[w]->compress ? IMAGES * (784 + 4) : IMAGES * 4);
    ddla_dataset_close(again);
    CHECK_OK(ddla_dataset_open(
        &again, &(ddla_data_source){.path = path, .trusts_features = true, .format = "prepared"}));
    check_same(set, again);
    ddla_dataset_close(again);
  }
  assert_true(file_bytes(test_path("images/train-features-00000.part")) == IMAGES * 784 + 64);
  prepare("images", set, &packed);
  assert_true(file_bytes(test_path("images/train-features-00000.part")) < BLOCK);
  ddla_dataset_close(set);
}

/* One content gives the same bytes, whatever it was read from. */
static void equal_files(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES);
  prepare("one", set, &small);
  ddla_dataset *again = open_prepared(test_path("one"));
  prepare("two", again, &small);
  static const char *const names[] = {"train.index", "train-features-00000.part",
                                      "train-features-00001.part", "train-labels-00000.part"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char a[64], b[64];
    ddla_data_block x = {0}, y = {0};
    snprintf(a, sizeof a, "one/%s", names[i]);
    snprintf(b, sizeof b, "two/%s", names[i]);
    CHECK_OK(ddla_data_file_load(&x, test_path(a), NULL));
    CHECK_OK(ddla_data_file_load(&y, test_path(b), NULL));
    assert_int_equal(x.bytes, y.bytes);
    assert_memory_equal(x.data, y.data, x.bytes);
    ddla_data_block_release(&x);
    ddla_data_block_release(&y);
  }
  ddla_dataset_close(again);
  ddla_dataset_close(set);
}

/* Rows of three floats with two targets, as a plug-in would make them. */
static ddla_status read_rows(ddla_dataset *set, const ddla_data_source *source) {
  ddla_data_records records = {
      .type = DDLA_DATA_FLOAT32, .shape = {1, 1, 3}, .count = 20000, .targets = 2};
  DDLA_TRY(ddla_dataset_make(&records, set, source));
  for (int64_t i = 0; i < 3 * records.count; i++) ((float *)records.features)[i] = (float)i / 7;
  for (int64_t i = 0; i < 2 * records.count; i++) records.target[i] = -(float)i / 3;
  return DDLA_OK;
}

static void targets(void **state) {
  (void)state;
  const ddla_data_format rows = {.name = "rows", .looks_for = "rows", .read = read_rows};
  const ddla_data_format *const brought[] = {&rows};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(
      &set, &(ddla_data_source){
                .path = test_folder, .format = "rows", .formats = brought, .format_count = 1}));
  for (int compress = 0; compress < 2; compress++) {
    ddla_dataset *again = open_prepared(prepare("rows", set, compress ? &packed : &small));
    check_same(set, again);
    assert_int_equal(again->target_count, 2);
    assert_memory_equal(again->targets, set->targets, 2 * 20000 * sizeof(float));
    assert_false(ddla_dataset_label(again, 0) >= 0);
    ddla_dataset_close(again);
  }
  ddla_dataset_close(set);
}

static void write_long_text(const char *name) {
  FILE *file = fopen(test_path(name), "w");
  assert_non_null(file);
  for (int i = 0; i < 50000; i++) fputs(i % 7 ? "ab" : i % 11 ? "\xc3\xa9" : "xyz ", file);
  fclose(file);
}

static ddla_dataset *open_window(const char *path, const char *format, int64_t window) {
  ddla_dataset *set = NULL;
  const ddla_data_source source = {.path = path, .format = format, .window = window};
  CHECK_OK(ddla_dataset_open(&set, &source));
  return set;
}

/* A text is prepared as a whole and cut into windows as long as is asked on opening. */
static void texts(void **state) {
  (void)state;
  write_long_text("long.txt");
  ddla_dataset *plain = open_window(test_path("long.txt"), "text", 1);
  const char *path = prepare("text", plain, &small);
  for (int64_t window = 1; window <= 1000; window += 333) {
    ddla_dataset *a = open_window(test_path("long.txt"), "text", window);
    ddla_dataset *b = open_window(path, NULL, window);
    check_same(a, b);
    ddla_dataset_close(a);
    ddla_dataset_close(b);
  }
  ddla_dataset *none = NULL;
  const ddla_data_source wide = {.path = path, .window = 1 << 20};
  CHECK_FAILURE(ddla_dataset_open(&none, &wide), INVALID, "tokens", "1048577", "model.window");
  ddla_dataset_close(plain);
}

/* Labels and tokens get the numbers of other classes without changing the files. */
static void numbers_of_others(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", 30), *train = NULL, *again = NULL;
  static const char *const names[] = {"9", "2", "1", "0"};
  ddla_data_source source = {
      .path = prepare("few", set, &small), .class_names = names, .class_count = 4};
  CHECK_OK(ddla_dataset_open(&again, &source));
  assert_int_equal(ddla_dataset_label(again, 2), 1);
  assert_int_equal(ddla_dataset_classes(again), 4);
  ddla_dataset_close(again);
  source.class_count = 3;
  again = NULL;
  CHECK_FAILURE(ddla_dataset_open(&again, &source), INVALID, "'0'", "model's 3");
  ddla_dataset_close(set);
  set = open_window(write_text("b.txt", "bcbcbcbc"), "text", 1);
  train = open_window(write_text("abc.txt", "abcabc"), "text", 2);
  again = open_window(prepare("few", set, &small), NULL, 2);
  CHECK_OK(ddla_dataset_match_classes(again, train));
  assert_int_equal(((const uint16_t *)ddla_dataset_features(again, 0))[0], 1);
  ddla_dataset_close(again);
  again = open_window(test_path("few"), NULL, 2);
  assert_int_equal(((const uint16_t *)ddla_dataset_features(again, 0))[0], 0);
  ddla_dataset *const all[] = {set, train, again};
  for (int i = 0; i < 3; i++) ddla_dataset_close(all[i]);
}

static void parts(void **state) {
  (void)state;
  ddla_dataset *sets[DDLA_PREPARED_PARTS] = {open_images("a", 10), NULL, open_images("b", 5)};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_prepared_write(test_path("parts"), sets, &small));
  ddla_data_source source = {.path = test_path("parts"), .part = DDLA_DATA_TEST};
  assert_true(ddla_dataset_has_part(&source));
  CHECK_OK(ddla_dataset_open(&set, &source));
  check_same(set, sets[2]);
  ddla_dataset_close(set);
  set = NULL;
  source.part = DDLA_DATA_VALIDATION;
  assert_false(ddla_dataset_has_part(&source));
  CHECK_FAILURE(ddla_dataset_open(&set, &source), INVALID, "parts", "no validation.index");
  /* What is not divided into parts is the part that is asked for. */
  source.path = prepare("alone", sets[0], &small);
  assert_false(ddla_dataset_has_part(&source));
  CHECK_OK(ddla_dataset_open(&set, &source));
  check_same(set, sets[0]);
  ddla_dataset_close(set);
  ddla_dataset_close(sets[0]);
  ddla_dataset_close(sets[2]);
}

typedef struct told {
  int count;
  char words[DDLA_STATUS_TEXT_BYTES]; /* the last */
} told;

static void tell(const char *words, void *argument) {
  told *self = argument;
  self->count++;
  snprintf(self->words, sizeof self->words, "%s", words);
}

static int verify(told *found, const char *path) {
  ddla_prepared_verdict verdict = {0};
  *found = (told){0};
  CHECK_OK(ddla_prepared_verify(&verdict, path, DDLA_DATA_TRAIN, tell, found));
  assert_int_equal(verdict.damages, found->count);
  return found->count;
}

/* Flips every byte of a file: each is found by the check and on opening, and named. */
static void flip_all(const char *directory, const char *name) {
  char path[512];
  told found;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  const long bytes = file_bytes(path);
  for (long at = 0; at < bytes; at++) {
    const int bits = 1 << at % 8;
    flip(path, at, bits);
    ddla_dataset *set = NULL;
    if (verify(&found, directory) != 1 || !strstr(found.words, name))
      fail_msg("%s, byte %ld: told %d: %s", name, at, found.count, found.words);
    ddla_status status = ddla_dataset_open(&set, &(ddla_data_source){.path = directory});
    if (status == DDLA_OK || !strstr(ddla_status_message(status), name))
      fail_msg("%s, byte %ld: opened: %s", name, at, ddla_status_message(status));
    flip(path, at, bits);
  }
  assert_int_equal(verify(&found, directory), 0);
}

static void every_byte_counts(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", 2);
  for (int compress = 0; compress < 2; compress++) {
    const char *path = prepare("flipped", set, compress ? &packed : &small);
    flip_all(path, "train.index");
    flip_all(path, "train-features-00000.part");
    flip_all(path, "train-labels-00000.part");
  }
  ddla_dataset_close(set);
}

/* Damage is named with file, block and offset; and each of several is. */
static void damage_has_a_place(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES), *again = NULL;
  told found;
  const char *path = prepare("places", set, &small);
  flip(test_path("places/train-features-00001.part"), BLOCK + 100, 4);
  CHECK_FAILURE(ddla_dataset_open(&again, &(ddla_data_source){.path = path}), CORRUPT,
                "places/train-features-00001.part", "block 1 ", "offset 65536", "hash is another",
                "prepare it anew");
  flip(test_path("places/train-features-00000.part"), 5, 1);
  flip(test_path("places/train-labels-00000.part"), 5, 1);
  assert_int_equal(verify(&found, path), 3);
  assert_non_null(strstr(found.words, "train-labels-00000.part: block 0 "));
  /* Features that are trusted are not looked at; labels always are. */
  const ddla_data_source trusting = {.path = path, .trusts_features = true};
  CHECK_FAILURE(ddla_dataset_open(&again, &trusting), CORRUPT, "train-labels-00000.part");
  flip(test_path("places/train-labels-00000.part"), 5, 1);
  CHECK_OK(ddla_dataset_open(&again, &trusting));
  ddla_dataset_close(again);
  ddla_dataset_close(set);
}

/* Samples that a damaged block has a part of are left out, and no others. */
static void damage_is_skipped(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES), *rest = NULL;
  for (int compress = 0; compress < 2; compress++) {
    const char *path = prepare("skipped", set, compress ? &packed : &small);
    flip(test_path("skipped/train-features-00001.part"), 100, 4); /* block 2: from 131072 on */
    const ddla_data_source source = {.path = path, .skips_damaged = true};
    CHECK_OK(ddla_dataset_open(&rest, &source));
    const int64_t first = 2 * BLOCK / 784, end = (3 * BLOCK - 1) / 784 + 1;
    int64_t blocks = 0;
    assert_int_equal(ddla_dataset_left_out(&blocks, rest), end - first);
    assert_int_equal(blocks, 1);
    assert_int_equal(ddla_dataset_count(rest), IMAGES - (end - first));
    for (int64_t i = 0; i < ddla_dataset_count(rest); i++) {
      const int64_t was = i < first ? i : i + end - first;
      assert_memory_equal(ddla_dataset_features(rest, i), ddla_dataset_features(set, was), 784);
      assert_int_equal(ddla_dataset_label(rest, i), ddla_dataset_label(set, was));
    }
    ddla_data_fingerprint a = ddla_dataset_fingerprint(set), b = ddla_dataset_fingerprint(rest);
    assert_memory_not_equal(&a, &b, sizeof a);
    ddla_dataset_close(rest);
    rest = NULL;
    flip(test_path("skipped/train-labels-00000.part"), 3, 1); /* all labels are in one block */
    CHECK_FAILURE(ddla_dataset_open(&rest, &source), INVALID, "skipped", "none is left");
  }
  ddla_dataset_close(set);
}

/* What a file lacks is not damage that can be left out, and a text has no samples of its own. */
static void damage_is_not_skipped(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES), *rest = NULL;
  ddla_data_source source = {.path = prepare("missing", set, &small), .skips_damaged = true};
  assert_int_equal(remove(test_path("missing/train-features-00001.part")), 0);
  CHECK_FAILURE(ddla_dataset_open(&rest, &source), CORRUPT, "train-features-00001.part is missing");
  ddla_dataset_close(set);
  set = open_window(write_text("abc.txt", "abcabcabc"), "text", 1);
  source.path = prepare("missing", set, &small);
  source.window = 2;
  flip(test_path("missing/train-features-00000.part"), 3, 1);
  CHECK_FAILURE(ddla_dataset_open(&rest, &source), CORRUPT, "train-features-00000.part: block 0");
  ddla_dataset_close(set);
}

/* Features lie where the file's pages are and cannot be written to. */
static void features_are_mapped(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES);
  ddla_dataset *again = open_prepared(prepare("mapped", set, &small));
  pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL); /* cmocka has a handler */
    ((volatile uint8_t *)(uintptr_t)again->features)[0] = 1;
    _exit(0);
  }
  int how = 0;
  assert_int_equal(waitpid(child, &how, 0), child);
  assert_true((WIFSIGNALED(how) && WTERMSIG(how) == SIGSEGV) ||
              (WIFEXITED(how) && WEXITSTATUS(how)));
  ddla_dataset_close(again);
  ddla_dataset_close(set);
}

static bool stop_at_once(void *argument) {
  ++*(int *)argument;
  return *(int *)argument > 2;
}

static void nothing_is_left(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", IMAGES);
  ddla_dataset *const sets[DDLA_PREPARED_PARTS] = {set, NULL, NULL};
  int asked = 0;
  ddla_prepared_options options = small;
  make_directory("stopped");
  options.stopped = stop_at_once;
  options.argument = &asked;
  CHECK_FAILURE(ddla_prepared_write(test_path("stopped/set"), sets, &options), INTERRUPTED,
                "nothing is left");
  assert_int_equal(asked, 3); /* two blocks were written */
  assert_int_equal(count_entries(test_path("stopped")), 0);
  ddla_dataset_close(set);
}

static void what_is_there_stays(void **state) {
  (void)state;
  ddla_dataset *set = open_images("x", 3);
  ddla_dataset *const sets[DDLA_PREPARED_PARTS] = {set, NULL, NULL};
  CHECK_FAILURE(ddla_prepared_write(make_directory("taken"), sets, &small), INVALID, "taken",
                "is there already", "choose another");
  CHECK_FAILURE(ddla_prepared_write(write_text("a_file", "x"), sets, &small), INVALID, "a_file");
  const ddla_prepared_options huge = {.block_bytes = INT64_C(1) << 40};
  CHECK_FAILURE(ddla_prepared_write(test_path("huge"), sets, &huge), INVALID, "1099511627776",
                "268435456");
  assert_int_not_equal(access(test_path("huge"), F_OK), 0);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(images),
      cmocka_unit_test(equal_files),
      cmocka_unit_test(targets),
      cmocka_unit_test(texts),
      cmocka_unit_test(numbers_of_others),
      cmocka_unit_test(parts),
      cmocka_unit_test(every_byte_counts),
      cmocka_unit_test(damage_has_a_place),
      cmocka_unit_test(damage_is_skipped),
      cmocka_unit_test(damage_is_not_skipped),
      cmocka_unit_test(features_are_mapped),
      cmocka_unit_test(nothing_is_left),
      cmocka_unit_test(what_is_there_stays),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
