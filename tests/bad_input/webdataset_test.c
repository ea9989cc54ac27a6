/* What the reader of archives must refuse, naming the archive and the entry or the sample. */
#include "data/format/test_archives.h"
#include "refuse.h"

/* Two good samples, a and b. */
static void add_good(test_archive *archive) {
  tar_add_gray(archive, "a.pgm", 1, 2, 3);
  tar_add_text(archive, "a.cls", "0");
  tar_add_gray(archive, "b.pgm", 2, 2, 3);
  tar_add_text(archive, "b.cls", "1");
}

/* Ends and frees the archive, which must be refused. */
static void refuse_archive(test_archive *archive, ddla_data_source source, ddla_status code,
                           const char *const *words) {
  source.path = tar_write(archive, "bad.tar");
  refuse(&source, code, words);
}
#define REFUSE_ARCHIVE(archive, code, ...)                                                         \
  refuse_archive(archive, (ddla_data_source){0}, DDLA_##code,                                      \
                 (const char *const[]){"bad.tar", __VA_ARGS__, NULL})
#define REFUSE_WITH(option, archive, code, ...)                                                    \
  refuse_archive(archive, (ddla_data_source){option}, DDLA_##code,                                 \
                 (const char *const[]){"bad.tar", __VA_ARGS__, NULL})

static void entries(void **state) {
  (void)state;
  static const struct {
    const char *name;
    char type;
    const char *words;
  } bad[] = {{"../c.pgm", '0', "'..'"},         {"x/../../c.pgm", '0', "'..'"},
             {"/etc/c.pgm", '0', "absolute"},   {"c.pgm", '1', "a link"},
             {"c.pgm", '2', "a symbolic link"}, {"c.pgm", '3', "a character device"},
             {"c.pgm", '6', "a named pipe"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    test_archive archive = {0};
    char quoted[64];
    add_good(&archive);
    tar_add_kind(&archive, bad[i].name, "", 0, bad[i].type);
    snprintf(quoted, sizeof quoted, "entry '%s'", bad[i].name);
    REFUSE_ARCHIVE(&archive, INVALID, quoted, bad[i].words);
  }
}

static void damaged_archives(void **state) {
  (void)state;
  test_archive archive = {0};
  REFUSE_ARCHIVE(&archive, INVALID, "no samples");
  add_good(&archive);
  archive.bytes[0] = 'c';
  REFUSE_ARCHIVE(&archive, CORRUPT, "byte 0", "sum is wrong");
  add_good(&archive);
  ddla_data_source source = {.path = write_file("cut.tar", archive.bytes, archive.length - 600)};
  REFUSE(&source, CORRUPT, "cut.tar", "cut short");
  source.path = write_file("cut.tar", archive.bytes, archive.length);
  REFUSE(&source, CORRUPT, "cut.tar", "cut short", "two blocks of zeros");
  source.path = write_file("cut.tar", archive.bytes, 100);
  REFUSE(&source, CORRUPT, "cut.tar", "cut short");
  source.path = write_text("word.tar", "not an archive");
  REFUSE(&source, CORRUPT, "word.tar", "cut short");
  size_t length = 0;
  tar_end(&archive);
  uint8_t *zipped = gzip_bytes(&length, archive.bytes, archive.length);
  source.path = write_file("half.tar.gz", zipped, length / 2);
  REFUSE(&source, CORRUPT, "half.tar.gz", "gzip");
  free(zipped);
  free(archive.bytes);
  archive = (test_archive){0};
  uint8_t head[512];
  tar_header(head, "c.pgm", 4000, '0'); /* more than there is */
  tar_put(&archive, head, sizeof head);
  REFUSE_ARCHIVE(&archive, CORRUPT, "entry 'c.pgm' of 4000 bytes", "cut short");
}

static void samples(void **state) {
  (void)state;
  test_archive archive = {0};
  add_good(&archive);
  tar_add_text(&archive, "c.cls", "1");
  REFUSE_ARCHIVE(&archive, INVALID, "sample 'c' has no image", ".png");
  add_good(&archive);
  tar_add_text(&archive, "c.gif", "1");
  REFUSE_ARCHIVE(&archive, INVALID, "sample 'c' has no image", ".jpg");
  add_good(&archive);
  tar_add_gray(&archive, "d/c.pgm", 1, 2, 3);
  REFUSE_ARCHIVE(&archive, INVALID, "sample 'd/c' has no label", ".cls", "data.label: none");
  add_good(&archive);
  REFUSE_WITH(.label_column = "kind", &archive, INVALID, "sample 'a' has no label", ".json");
  add_good(&archive);
  tar_add_gray(&archive, "a.pgm", 1, 2, 3);
  tar_add_text(&archive, "a.cls", "0");
  REFUSE_ARCHIVE(&archive, INVALID, "sample 'a' comes twice");
  tar_add_gray(&archive, "a.pgm", 1, 2, 3);
  tar_add_gray(&archive, "a.ppm", 1, 2, 3);
  REFUSE_ARCHIVE(&archive, INVALID, "entry 'a.ppm'", "sample 'a'", "already");
  tar_add_gray(&archive, "a.pgm", 1, 2, 3);
  tar_add_text(&archive, "a.cls", "1");
  tar_add_text(&archive, "a.cls", "1");
  REFUSE_ARCHIVE(&archive, INVALID, "entry 'a.cls'", "already");
}

static void two_archives(void **state) {
  (void)state;
  test_archive archive = {0};
  ddla_data_source source = {.path = make_directory("shards")};
  add_good(&archive);
  tar_write(&archive, "shards/1.tar");
  add_good(&archive);
  tar_write(&archive, "shards/2.tar");
  REFUSE(&source, INVALID, "shards/2.tar", "sample 'a' comes twice");
  tar_add_gray(&archive, "c.pgm", 1, 3, 3);
  tar_add_text(&archive, "c.cls", "1");
  tar_write(&archive, "shards/2.tar");
  REFUSE(&source, INVALID, "shards/2.tar: c.pgm has 3 x 3", "a.pgm has 2 x 3", "give a size");
  source.path = make_directory("parts");
  add_good(&archive);
  tar_write(&archive, "parts/train-1.tar");
  source.part = DDLA_DATA_TEST;
  REFUSE(&source, INVALID, "parts", "other parts");
  add_good(&archive);
  tar_write(&archive, "parts/more.tar");
  REFUSE(&source, INVALID, "parts", "1 of its 2 archives", "do not");
  source = (ddla_data_source){.path = make_directory("bare"), .format = "webdataset"};
  REFUSE(&source, INVALID, "bare", "no archives", ".tar.gz");
}

static void images(void **state) {
  (void)state;
  test_archive archive = {0};
  add_good(&archive);
  tar_add_gray(&archive, "c.pgm", 1, 3, 2);
  tar_add_text(&archive, "c.cls", "1");
  REFUSE_ARCHIVE(&archive, INVALID, "c.pgm has 3 x 2 pixels", "a.pgm has 2 x 3", "give a size");
  add_good(&archive);
  tar_add_text(&archive, "c.png", "no picture");
  tar_add_text(&archive, "c.cls", "1");
  REFUSE_ARCHIVE(&archive, CORRUPT, "c.png is not a PNG image");
  add_good(&archive);
  tar_add_text(&archive, "c.ppm", "P6 9 9 255 x");
  tar_add_text(&archive, "c.cls", "1");
  REFUSE_WITH(.shape = ((ddla_data_shape){2, 2, 1}), &archive, CORRUPT, "c.ppm", "promises 243");
  add_good(&archive);
  REFUSE_WITH(.shape = ((ddla_data_shape){2, 2, 2}), &archive, INVALID, "2 channels");
}

/* A third sample whose label is wrong. */
static void refuse_label(const char *ending, const char *text, const char *const *words) {
  test_archive archive = {0};
  char name[32];
  add_good(&archive);
  tar_add_gray(&archive, "c.pgm", 1, 2, 3);
  snprintf(name, sizeof name, "c.%s", ending);
  tar_add_text(&archive, name, text);
  refuse_archive(&archive, (ddla_data_source){0}, DDLA_INVALID, words);
}
#define REFUSE_LABEL(ending, text, ...)                                                            \
  refuse_label(ending, text,                                                                       \
               (const char *const[]){"bad.tar", "sample 'c', ." ending, __VA_ARGS__, NULL})

static void labels(void **state) {
  (void)state;
  REFUSE_LABEL("cls", "cat", "'cat'", "a whole number", ".txt or .json");
  REFUSE_LABEL("cls", "1.5", "'1.5'", "a whole number");
  REFUSE_LABEL("cls", "", "''", "a whole number");
  REFUSE_LABEL("cls", "70000", "70000", "out of range");
  REFUSE_LABEL("cls", "-1", "-1", "out of range");
  REFUSE_LABEL("txt", "cat", "'cat'", "the first label is one"); /* after numbers */
  REFUSE_LABEL("txt", "cat\ndog", "more than a line");
  REFUSE_LABEL("txt", "caf\xe9", "0xe9", "UTF-8");
  REFUSE_LABEL("json", "{\"kind\":1}", "key 'label'", "missing", "data.label");
  REFUSE_LABEL("json", "{\"label\":1,\"label\":1}", "'label'", "twice");
  REFUSE_LABEL("json", "{\"label\":[1]}", "found an array", "a class");
  REFUSE_LABEL("json", "{\"label\":1", "the end of the line");
  REFUSE_LABEL("json", "{\"label\":1} x", "found 'x'", "nothing after");
  char text[400] = "";
  memset(text, 'n', 300);
  REFUSE_LABEL("txt", text, "300 bytes", "255");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(entries), cmocka_unit_test(damaged_archives),
                                     cmocka_unit_test(samples), cmocka_unit_test(two_archives),
                                     cmocka_unit_test(images),  cmocka_unit_test(labels)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
