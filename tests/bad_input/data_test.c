/* What the readers of data must refuse, and that they say what, where and what to do about it. */
#include "data/format/idx.h"
#include "data/format/image.h"
#include "data/format/test_images.h"
#include "refuse.h"

static void missing_paths(void **state) {
  (void)state;
  REFUSE(SOURCE(.path = NULL), INVALID, "no path", "train-images-idx3-ubyte");
  REFUSE(SOURCE(.path = "/no/such/place"), INVALID, "/no/such/place", "No such file",
         "train-images-idx3-ubyte", "one sample per line", "PNG");
  REFUSE(SOURCE(.path = make_directory("bare")), INVALID, "bare", "looked for", "idx", "folder");
  REFUSE(SOURCE(.path = test_folder, .format = "jpg"), INVALID, "\"jpg\"",
         "webdataset, jsonl, csv, folder");
  char *endless = malloc(6000);
  assert_non_null(endless);
  memset(endless, 'x', 5999);
  endless[0] = '/', endless[5999] = '\0';
  REFUSE(SOURCE(.path = endless), INVALID, "5999 bytes is too long");
  REFUSE(SOURCE(.path = endless, .format = "idx"), INVALID, "too long");
  free(endless);
}

static void wrong_kinds_of_path(void **state) {
  (void)state;
  const char *folder = make_directory("folder.csv");
  REFUSE(SOURCE(.path = folder, .format = "csv"), INVALID, "is a directory", "a file is expected");
  REFUSE(SOURCE(.path = "/dev/null", .format = "csv"), INVALID, "not a regular file");
  const char *fifo = test_path("pipe");
  assert_int_equal(mkfifo(fifo, 0600), 0);
  REFUSE(SOURCE(.path = fifo, .format = "csv"), INVALID, "pipe", "not a regular file");
  REFUSE(SOURCE(.path = write_text("file", "x"), .format = "folder"), INVALID, "cannot read",
         "Not a directory");
  if (geteuid() == 0) return; /* the superuser may read everything */
  const char *locked = make_directory("locked");
  assert_int_equal(chmod(locked, 0), 0);
  REFUSE(SOURCE(.path = locked), INVALID, "locked", "Permission denied");
  assert_int_equal(chmod(locked, 0700), 0);
  const char *secret = write_text("secret.csv", "1,2\n");
  assert_int_equal(chmod(secret, 0), 0);
  REFUSE(SOURCE(.path = secret), INVALID, "secret.csv", "Permission denied");
}

static const uint32_t five_images[] = {5, 2, 3}, four_labels[] = {4};

static void write_idx(const char *name, int dimensions, const uint32_t *sizes) {
  size_t length = 0;
  uint8_t *bytes = idx_bytes(&length, dimensions, sizes, 0, 1);
  write_file(name, bytes, length);
  free(bytes);
}

static void idx_pairs(void **state) {
  (void)state;
  write_idx("x-images-idx3-ubyte", 3, five_images);
  const char *images = test_path("x-images-idx3-ubyte");
  REFUSE(SOURCE(.path = images), INVALID, "no labels", "x-labels-idx1-ubyte", ".gz");
  write_idx("x-labels-idx1-ubyte", 1, four_labels);
  REFUSE(SOURCE(.path = images), INVALID, "5 images", "4 labels");
  write_idx("x-labels-idx1-ubyte", 1, five_images);
  REFUSE(SOURCE(.path = images, .class_count = 3), INVALID, "label 3", "sample 3", "0 to 2");
  write_idx("pictures", 3, five_images);
  REFUSE(SOURCE(.path = test_path("pictures")), INVALID, "cannot be guessed", "\"images\"");
  make_directory("half");
  write_idx("half/train-images-idx3-ubyte", 3, five_images);
  REFUSE(SOURCE(.path = test_path("half")), INVALID, "half", "train-labels-idx1-ubyte.gz");
  REFUSE(SOURCE(.path = test_path("half"), .part = DDLA_DATA_TEST), INVALID, "half",
         "t10k-images-idx3-ubyte");
  write_idx("none-images-idx3-ubyte", 3, (const uint32_t[]){0, 2, 2});
  write_idx("none-labels-idx1-ubyte", 1, (const uint32_t[]){0});
  REFUSE(SOURCE(.path = test_path("none-images-idx3-ubyte")), INVALID, "no samples");
}

/* A file of images with these bytes must be refused. */
static void refuse_idx(const uint8_t *bytes, size_t length, ddla_status code, const char *word) {
  ddla_data_source source = {.path = write_file("y-idx", bytes, length),
                             .labels_path = test_path("x-labels-idx1-ubyte")};
  refuse(&source, code, (const char *const[]){"y-idx", word, NULL});
}

static void idx_bytes_that_lie(void **state) {
  (void)state;
  size_t length = 0;
  uint8_t *bytes = idx_bytes(&length, 3, five_images, 0, 1), changed[16 + 31];
  refuse_idx(bytes, 0, DDLA_CORRUPT, "0 bytes are too few");
  refuse_idx(bytes, 3, DDLA_CORRUPT, "0x00000803 or 0x00000804");
  refuse_idx(bytes, 10, DDLA_CORRUPT, "within the header of 16");
  refuse_idx(bytes, 16, DDLA_CORRUPT, "promises 30 values, 0 follow");
  refuse_idx(bytes, length - 1, DDLA_CORRUPT, "promises 30 values, 29 follow");
  memcpy(changed, bytes, length);
  changed[length] = 'x';
  refuse_idx(changed, length + 1, DDLA_CORRUPT, "1 bytes follow the 30 values");
  changed[3] = 1;
  refuse_idx(changed, length, DDLA_CORRUPT, "this is a file of labels");
  changed[3] = 9;
  refuse_idx(changed, length, DDLA_CORRUPT, "0x00000809");
  changed[2] = 0x0d, changed[3] = 3;
  refuse_idx(changed, length, DDLA_INVALID, "only unsigned bytes (0x08)");
  memcpy(changed, "PK\3\4", 4);
  refuse_idx(changed, length, DDLA_CORRUPT, "0x504b0304");
  memcpy(changed, bytes, 4);
  memset(changed + 4, 0xff, 12); /* (2^32 - 1)^3 values */
  refuse_idx(changed, length, DDLA_CORRUPT, "more than 2^64");
  memset(changed + 4, 0, 8);
  refuse_idx(changed, length, DDLA_CORRUPT, "dimension 2 of 3 is 0");
  free(bytes);
}

static void gzip_that_lies(void **state) {
  (void)state;
  size_t length = 0, zipped_length = 0;
  uint8_t *bytes = idx_bytes(&length, 3, five_images, 0, 1);
  uint8_t *zipped = gzip_bytes(&zipped_length, bytes, length);
  for (size_t cut = 2; cut < zipped_length; cut++)
    refuse_idx(zipped, cut, DDLA_CORRUPT, "cut short");
  uint8_t *longer = calloc(zipped_length + 100, 1);
  assert_non_null(longer);
  for (size_t extra = 1; extra <= 100; extra += 33) { /* zeros promise an empty member */
    memcpy(longer, zipped, zipped_length);
    refuse_idx(longer, zipped_length + extra, DDLA_CORRUPT, "follow the end of the gzip data");
  }
  memset(longer + zipped_length, 0xff, 100); /* the last four bytes promise 4 GiB */
  refuse_idx(longer, zipped_length + 100, DDLA_CORRUPT, "100 bytes follow");
  memcpy(longer + zipped_length, "\x2e\0\0\0", 4); /* promises the right length, 46 */
  refuse_idx(longer, zipped_length + 4, DDLA_CORRUPT, "4 bytes follow");
  for (size_t i = 10; i < zipped_length; i++) {
    if (i == zipped_length - 9)
      continue; /* the last bits of the last byte before the sum are idle */
    memcpy(longer, zipped, zipped_length);
    longer[i] ^= 0x10;
    refuse_idx(longer, zipped_length, DDLA_CORRUPT, "gzip data");
  }
  memset(longer, 0xff, zipped_length);
  memcpy(longer, "\x1f\x8b", 2);
  refuse_idx(longer, zipped_length, DDLA_CORRUPT, "damaged");
  free(longer);
  free(zipped);
  free(bytes);
}

static void refuse_csv(const char *text, ddla_data_source source, ddla_status code,
                       const char *const *words) {
  source.path = write_text("bad.csv", text);
  refuse(&source, code, words);
}
#define REFUSE_CSV(text, code, ...)                                                                \
  refuse_csv(text, (ddla_data_source){0}, DDLA_##code,                                             \
             (const char *const[]){"bad.csv", __VA_ARGS__, NULL})
#define REFUSE_CSV_WITH(option, text, code, ...)                                                   \
  refuse_csv(text, (ddla_data_source){option}, DDLA_##code,                                        \
             (const char *const[]){"bad.csv", __VA_ARGS__, NULL})

static void csv_rows(void **state) {
  (void)state;
  REFUSE_CSV("", INVALID, "no samples");
  REFUSE_CSV(" \r\n\n", INVALID, "no samples");
  REFUSE_CSV("a,b,c\n", INVALID, "no samples", "names the columns");
  REFUSE_CSV("1,2,0\n1,2,0\n\n1,0\n", INVALID, "line 4", "2 fields", "expected 3", "line 1");
  REFUSE_CSV("a,b,c\n1,2,0,\n", INVALID, "line 2", "4 fields", "expected 3");
  REFUSE_CSV("1,2,0\n1,x,0\n", INVALID, "line 2, column 2", "'x'", "not a number");
  REFUSE_CSV("1,2,0\n,2,0\n", INVALID, "line 2, column 1", "an empty field");
  REFUSE_CSV("1,2,0\n1,nan,0\n", INVALID, "line 2, column 2", "'nan'");
  REFUSE_CSV("1,2,0\n1e39,2,0\n", INVALID, "line 2, column 1", "'1e39'", "finite");
  REFUSE_CSV("1,2,0\n\"1\n\",2,0\n", INVALID, "line 2, column 1");
  REFUSE_CSV("1,2,0\n\"1\n2\",2,0\n1,2,x\n", INVALID, "line 2, column 1", "'1?2'");
  REFUSE_CSV("a,\"b\n\",c\n1,2,0\n\n1,x,0\n", INVALID, "line 5, column 2", "'x'");
  REFUSE_CSV("1,2,0\n1,\"2,0\n", CORRUPT, "line 2, column 2", "not closed");
  REFUSE_CSV("1,2,0\n1,\"2\"3,0\n", CORRUPT, "line 2, column 2", "follows the closing quote");
  REFUSE_CSV("1\n2\n", INVALID, "no features", "delimiter");
  ddla_data_source zero = {.path = write_file("bad.csv", "1,2\n1,\0,2\n", 10)};
  REFUSE(&zero, CORRUPT, "bad.csv, line 2", "zero byte");
}

/* A quote that is left open swallows lines; the message says where it began. */
static void csv_quotes(void **state) {
  (void)state;
  REFUSE_CSV("1,\"2,0\n3,4,1\n", CORRUPT, "line 1, column 2", "not closed");
  REFUSE_CSV("a,\"b,c\n1,2,0\n", CORRUPT, "line 1, column 2", "not closed");
  REFUSE_CSV("1,2,0\n1,2,\"\n", CORRUPT, "line 2, column 3", "not closed");
  REFUSE_CSV("1,2,0\n1,\"2\n3,4,1\n5,\"6,1\n", CORRUPT, "line 4, column 2", "follows the closing");
}

static void csv_encodings(void **state) {
  (void)state;
  REFUSE_CSV("1,2,caf\xc3\xa9\n1,2,caf\xe9\n", INVALID, "line 2", "0xe9", "not part of valid UTF-8",
             "iconv");
  REFUSE_CSV("1,2,\xc3(\n", INVALID, "line 1", "0xc3", "UTF-8");
  REFUSE_CSV("\xff\xfe"
             "1,2,0\n",
             INVALID, "UTF-16", "expected UTF-8");
  REFUSE_CSV("1,2,a\n1,2,\xed\xa0\x80\n", INVALID, "line 2", "0xed"); /* half a character */
}

static void csv_keys(void **state) {
  (void)state;
  static const char text[] = "who,a,y\nann,1,0\n,2,1\n";
  const ddla_data_source named = {.key_column = "who"}, label = {.key_column = "y"},
                         missing = {.key_column = "whom"}, far = {.key_column = "4"};
  refuse_csv(text, named, DDLA_INVALID,
             (const char *const[]){"line 3, column 1", "an empty key", NULL});
  refuse_csv(text, label, DDLA_INVALID,
             (const char *const[]){"column 3 is the key and the label", NULL});
  refuse_csv(text, missing, DDLA_INVALID,
             (const char *const[]){"no column 'whom' for the key", "1 to 3", NULL});
  refuse_csv(text, far, DDLA_INVALID, (const char *const[]){"no column '4'", NULL});
  refuse_csv("1,2\n3,4\n", named, DDLA_INVALID,
             (const char *const[]){"does not name the columns", NULL});
}

static void csv_labels(void **state) {
  (void)state;
  static const char *const names[] = {"cat", "dog"};
  REFUSE_CSV("1,2,0\n1,2,-1\n", INVALID, "line 2, column 3", "label -1", "out of range");
  REFUSE_CSV("1,2,0\n1,2,4000000000\n", INVALID, "line 2", "4000000000", "0 to 65535");
  REFUSE_CSV("1,2,0\n1,2,cat\n", INVALID, "line 2, column 3", "'cat'", "whole number");
  REFUSE_CSV("1,2,cat\n1,2,0\n", INVALID, "line 2, column 3", "'0'", "a name");
  REFUSE_CSV("1,2,cat\n1,2,\n", INVALID, "line 2, column 3", "name of a class");
  REFUSE_CSV_WITH(.class_count = 2, "1,2,0\n1,2,2\n", INVALID, "line 2", "label 2", "0 to 1");
  REFUSE_CSV_WITH(.class_count = 1, "1,2,a\n1,2,b\n", INVALID, "2 different", "1 classes");
  ddla_data_source given = {.class_names = names, .class_count = 2};
  refuse_csv("1,2,dog\n1,2,cow\n", given, DDLA_INVALID,
             (const char *const[]){"line 2, column 3", "'cow'", "2 classes", NULL});
  refuse_csv("1,2,dog\n1,2,2\n", given, DDLA_INVALID,
             (const char *const[]){"line 2, column 3", "label 2", "0 to 1", NULL});
  REFUSE_CSV_WITH(.label_column = "kind", "a,b,c\n1,2,0\n", INVALID, "'kind'", "number from 1");
  REFUSE_CSV_WITH(.label_column = "kind", "1,2,0\n", INVALID, "'kind'", "does not name");
  REFUSE_CSV_WITH(.label_column = "4", "1,2,0\n", INVALID, "no column 4", "1 to 3");
  REFUSE_CSV_WITH(.label_column = "0", "1,2,0\n", INVALID, "no column 0", "1 to 3");
  ddla_data_source shaped = {.shape = {2, 2, 1}};
  refuse_csv("1,2,3,0\n", shaped, DDLA_INVALID,
             (const char *const[]){"3 features", "2 x 2 x 1", NULL});
  char name[400] = "1,2,";
  memset(name + 4, 'n', 300);
  REFUSE_CSV(name, INVALID, "line 1, column 3", "300 bytes", "255");
}

static void folders(void **state) {
  (void)state;
  const char *root = make_directory("pets");
  ddla_data_source source = {.path = root};
  REFUSE(SOURCE(.path = root, .format = "folder"), INVALID, "pets", "no folders");
  make_directory("pets/cat");
  make_directory("pets/dog");
  write_flat_png("pets/cat/1.png", 1, 4, 4);
  REFUSE(&source, INVALID, "pets/dog", "empty");
  write_flat_png("pets/dog/1.png", 2, 5, 4);
  REFUSE(&source, INVALID, "dog/1.png has 5 x 4", "cat/1.png has 4 x 4", "give a size");
  write_flat_png("pets/dog/1.png", 2, 4, 4);
  REFUSE(SOURCE(.path = root, .shape = {4, 0, 0}), INVALID, "4 x 0");
  REFUSE(SOURCE(.path = root, .shape = {0, 0, 2}), INVALID, "2 channels");
  REFUSE(SOURCE(.path = root, .class_count = 1), INVALID, "2 folders", "1 classes");
  static const char *const names[] = {"cat", "cow"};
  REFUSE(SOURCE(.path = root, .class_names = names, .class_count = 2), INVALID, "pets/dog");
  write_text("pets/dog/2.gif", "x");
  REFUSE(&source, INVALID, "dog/2.gif is not an image", "convert");
  assert_int_equal(remove(test_path("pets/dog/2.gif")), 0);
  make_directory("pets/dog/3.png");
  REFUSE(&source, INVALID, "dog/3.png is not an image");
  assert_int_equal(rmdir(test_path("pets/dog/3.png")), 0);
  write_flat_png("pets/0.png", 2, 4, 4);
  REFUSE(&source, INVALID, "pets/0.png", "outside");
  assert_int_equal(remove(test_path("pets/0.png")), 0);
  write_text("pets/dog/2.png", "x");
  REFUSE(&source, CORRUPT, "dog/2.png is not a PNG image");
  write_text("pets/cat/2.png", "");
  REFUSE(&source, CORRUPT, "cat/2.png is not a PNG image"); /* the first in order is told */
  assert_int_equal(symlink("nowhere", test_path("pets/cat/0.png")), 0);
  REFUSE(&source, INVALID, "cat/0.png", "No such file");
}

static void images(void **state) {
  (void)state;
  static const uint32_t sizes[][2] = {{65535, 65535}, {1, 20000}, {2147483647, 1}, {16384, 16384}};
  uint8_t bytes[128], pixels[16];
  ddla_image image = {0};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t length = bomb_bytes(bytes, sizes[i][0], sizes[i][1]);
    ddla_status status = ddla_image_decode(&image, bytes, length, 0, "bomb.png");
    assert_true(status == DDLA_INVALID || status == DDLA_CORRUPT);
    assert_non_null(strstr(ddla_status_message(status), "bomb.png"));
    assert_null(image.pixels);
  }
  size_t length = bomb_bytes(bytes, 16384, 16384);
  CHECK_FAILURE(ddla_image_decode(&image, bytes, length, 0, "b"), INVALID, "16384 x 16384",
                "67108864 in all");
  length = bomb_bytes(bytes, 4, 4); /* promises 20 bytes of rows and holds none */
  CHECK_FAILURE(ddla_image_decode(&image, bytes, length, 0, "b"), CORRUPT, "damaged PNG");
  const char *path = write_flat_png("whole.png", 9, 4, 4);
  CHECK_OK(ddla_image_read(pixels, (ddla_data_shape){4, 4, 1}, path));
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t whole = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  /* IDAT is whole 12 bytes before the end: what comes after it is not missed */
  for (size_t cut = 0; cut + 16 < whole; cut++) {
    ddla_status status = ddla_image_decode(&image, bytes, cut, 0, "cut.png");
    if (status != DDLA_CORRUPT)
      fail_msg("%d of %d bytes: %s", (int)cut, (int)whole, ddla_status_name(status));
  }
  for (size_t i = 0; i < whole; i++) { /* any answer but a crash; mostly CORRUPT */
    bytes[i] ^= 0x55;
    if (ddla_image_decode(&image, bytes, whole, 3, "flip.png") == DDLA_OK) ddla_image_fini(&image);
    bytes[i] ^= 0x55;
  }
}

/* Several at once: the first failure in the order of the sources, nothing left open. */
static void several_at_once(void **state) {
  (void)state;
  ddla_data_source sources[3] = {{.path = write_text("good.csv", "1,0\n2,1\n")},
                                 {.path = "/no/second"},
                                 {.path = "/no/third"}};
  ddla_dataset *sets[3] = {0};
  CHECK_FAILURE(ddla_dataset_open_all(sets, sources, 3), INVALID, "/no/second");
  assert_null(sets[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(missing_paths),   cmocka_unit_test(wrong_kinds_of_path),
      cmocka_unit_test(idx_pairs),       cmocka_unit_test(idx_bytes_that_lie),
      cmocka_unit_test(gzip_that_lies),  cmocka_unit_test(csv_rows),
      cmocka_unit_test(csv_quotes),      cmocka_unit_test(csv_encodings),
      cmocka_unit_test(csv_keys),        cmocka_unit_test(csv_labels),
      cmocka_unit_test(folders),         cmocka_unit_test(images),
      cmocka_unit_test(several_at_once),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
