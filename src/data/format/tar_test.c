#include "data/format/tar.h"

#include "data/format/test_archives.h"

/* The next file must be this one. */
static void expect_file(ddla_tar *tar, const char *name, const char *content) {
  static ddla_tar_entry entry;
  bool more = false;
  CHECK_OK(ddla_tar_next(&entry, &more, tar));
  assert_true(more);
  assert_string_equal(entry.name, name);
  assert_int_equal(entry.length, strlen(content));
  assert_memory_equal(entry.content, content, entry.length);
}

static void expect_end(ddla_tar *tar) {
  static ddla_tar_entry entry;
  bool more = true;
  CHECK_OK(ddla_tar_next(&entry, &more, tar));
  assert_false(more);
}

static void files_and_folders(void **state) {
  (void)state;
  test_archive archive = {0};
  tar_add_kind(&archive, "./", "", 0, '5');
  tar_add_text(&archive, "./one.txt", "first");
  tar_add_kind(&archive, "sub/", "", 0, '5');
  tar_add_text(&archive, "sub/two.txt", "");
  tar_add_kind(&archive, "old", "x", 1, '\0');
  tar_add_kind(&archive, "older/", "", 0, '\0'); /* a folder before POSIX */
  tar_end(&archive);
  ddla_tar tar = {.bytes = archive.bytes, .length = archive.length};
  assert_true(ddla_tar_is_header(archive.bytes, archive.length));
  expect_file(&tar, "one.txt", "first");
  expect_file(&tar, "sub/two.txt", "");
  expect_file(&tar, "old", "x");
  expect_end(&tar);
  expect_end(&tar); /* stays there */
  free(archive.bytes);
}

static void long_names(void **state) {
  (void)state;
  char name[300], record[400];
  memset(name, 'n', 299);
  name[150] = '/', name[299] = '\0';
  test_archive archive = {0};
  tar_add_kind(&archive, "././@LongLink", name, 300, 'L'); /* with its zero, as GNU writes it */
  tar_add_text(&archive, "nnnn", "gnu");
  int length = 4 + 5 + 299 + 1; /* "309 path=…\n" */
  snprintf(record, sizeof record, "%d path=%s\n", length, name);
  assert_int_equal(strlen(record), length);
  tar_add_kind(&archive, "pax", record, (size_t)length, 'x');
  tar_add_text(&archive, "nnnn", "pax");
  tar_add_kind(&archive, "pax_global_header", "17 comment=hello\n", 17, 'g');
  uint8_t head[512];
  tar_header(head, "leaf", 5, '0');
  memcpy(head + 345, "a/prefix", 8);
  tar_sign(head);
  tar_put(&archive, head, sizeof head);
  tar_put_content(&archive, "ustar", 5);
  tar_header(head, "plain", 3, '0'); /* GNU has times where POSIX has the prefix */
  memcpy(head + 257, "ustar  ", 8);
  memcpy(head + 345, "13371337133", 11);
  tar_sign(head);
  tar_put(&archive, head, sizeof head);
  tar_put_content(&archive, "gnu", 3);
  tar_end(&archive);
  ddla_tar tar = {.bytes = archive.bytes, .length = archive.length};
  expect_file(&tar, name, "gnu");
  expect_file(&tar, name, "pax");
  expect_file(&tar, "a/prefix/leaf", "ustar");
  expect_file(&tar, "plain", "gnu");
  expect_end(&tar);
  free(archive.bytes);
}

static void other_spellings_of_sizes(void **state) {
  (void)state;
  uint8_t head[512];
  test_archive archive = {0};
  tar_header(head, "binary", 0, '0');
  memset(head + 124, 0, 12);
  head[124] = 0x80, head[135] = 3; /* 3 in base 256 */
  tar_sign(head);
  tar_put(&archive, head, sizeof head);
  tar_put_content(&archive, "abc", 3);
  tar_header(head, "blanks", 0, '0');
  memcpy(head + 124, "          4 ", 12);
  tar_sign(head);
  tar_put(&archive, head, sizeof head);
  tar_put_content(&archive, "abcd", 4);
  tar_add_kind(&archive, "pax", "10 size=5\n", 10, 'x'); /* more than the header says */
  tar_header(head, "pax", 0, '0');
  tar_put(&archive, head, sizeof head);
  tar_put_content(&archive, "abcde", 5);
  tar_header(head, "signed\xff\xff", 1, '0'); /* the sum of signed bytes, as old writers made it */
  unsigned sum = 0;
  memset(head + 148, ' ', 8);
  for (int i = 0; i < 512; i++) sum += (unsigned)(int8_t)head[i];
  tar_octal(head + 148, 6, sum & 0777777);
  tar_put(&archive, head, sizeof head);
  tar_put_content(&archive, "s", 1);
  tar_end(&archive);
  ddla_tar tar = {.bytes = archive.bytes, .length = archive.length};
  expect_file(&tar, "binary", "abc");
  expect_file(&tar, "blanks", "abcd");
  expect_file(&tar, "pax", "abcde");
  expect_file(&tar, "signed\xff\xff", "s");
  expect_end(&tar);
  free(archive.bytes);
}

/* Reading to the end must fail so. Frees the archive. */
static void refuse(test_archive *archive, ddla_status code, const char *const *words) {
  static ddla_tar_entry entry;
  ddla_tar tar = {.bytes = archive->bytes, .length = archive->length};
  ddla_status status = DDLA_OK;
  for (bool more = true; more && status == DDLA_OK;) status = ddla_tar_next(&entry, &more, &tar);
  check_failure(status, code, words);
  free(archive->bytes);
  *archive = (test_archive){0};
}
#define REFUSE(archive, code, ...)                                                                 \
  refuse(archive, DDLA_##code, (const char *const[]){__VA_ARGS__, NULL})

static void names_that_lead_out(void **state) {
  (void)state;
  static const char *const names[] = {"..", "../x", "a/../x", "a/..", "./../x", "/etc/x", "/"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    test_archive archive = {0};
    tar_add_text(&archive, names[i], "x");
    tar_end(&archive);
    REFUSE(&archive, INVALID, "entry", names[i][0] == '/' ? "absolute" : "'..'");
  }
  test_archive archive = {0};
  tar_add_text(&archive, "..a/b../...c", "fine");
  tar_end(&archive);
  ddla_tar tar = {.bytes = archive.bytes, .length = archive.length};
  expect_file(&tar, "..a/b../...c", "fine");
  free(archive.bytes);
  archive = (test_archive){0};
  tar_add_text(&archive, "", "x");
  tar_end(&archive);
  REFUSE(&archive, INVALID, "without a name");
  tar_add_kind(&archive, "pax", "16 path=../evil\n", 16, 'x');
  tar_add_text(&archive, "good", "x");
  tar_end(&archive);
  REFUSE(&archive, INVALID, "'../evil'", "'..'");
}

static void what_is_no_file(void **state) {
  (void)state;
  static const struct {
    char type;
    const char *words;
  } kinds[] = {{'1', "a link"},          {'2', "a symbolic link"}, {'3', "a character device"},
               {'4', "a block device"},  {'6', "a named pipe"},    {'S', "a sparse file"},
               {'M', "several volumes"}, {'?', "unknown kind"}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    test_archive archive = {0};
    tar_add_kind(&archive, "odd", "", 0, kinds[i].type);
    tar_end(&archive);
    REFUSE(&archive, INVALID, "entry 'odd'", kinds[i].words);
  }
  test_archive archive = {0};
  tar_add_kind(&archive, "pax", "22 GNU.sparse.major=1\n", 22, 'x');
  tar_add_text(&archive, "odd", "x");
  tar_end(&archive);
  REFUSE(&archive, INVALID, "sparse");
}

static void damage(void **state) {
  (void)state;
  test_archive archive = {0};
  tar_add_text(&archive, "a", "content");
  archive.bytes[0] = 'b';
  tar_end(&archive);
  REFUSE(&archive, CORRUPT, "byte 0", "sum is wrong");
  tar_add_text(&archive, "a", "content");
  tar_add_text(&archive, "b", "content");
  archive.bytes[1024 + 148] = 'x'; /* the sum is no number */
  tar_end(&archive);
  REFUSE(&archive, CORRUPT, "byte 1024", "sum is wrong");
  uint8_t head[512];
  tar_header(head, "huge", 0, '0');
  memcpy(head + 124, "77777777777", 12);
  tar_sign(head);
  tar_put(&archive, head, sizeof head);
  tar_end(&archive);
  REFUSE(&archive, CORRUPT, "entry 'huge' of 8589934591 bytes", "cut short", "1024 bytes are left");
  tar_header(head, "far", 0, '0');
  memset(head + 124, 0xff, 12); /* negative */
  tar_sign(head);
  tar_put(&archive, head, sizeof head);
  tar_end(&archive);
  REFUSE(&archive, CORRUPT, "entry 'far'", "no number");
  tar_header(head, "word", 0, '0');
  memcpy(head + 124, "00000000009", 12);
  tar_sign(head);
  tar_put(&archive, head, sizeof head);
  tar_end(&archive);
  REFUSE(&archive, CORRUPT, "entry 'word'", "no number");
}

/* Wherever an archive is cut, it is refused. */
static void cuts(void **state) {
  (void)state;
  test_archive archive = {0};
  tar_add_kind(&archive, "pax", "12 path=p.q\n", 12, 'x');
  tar_add_text(&archive, "a", "content");
  tar_add_text(&archive, "b", "content");
  tar_end(&archive);
  for (size_t cut = 0; cut < archive.length; cut++) {
    test_archive part = {0};
    tar_put(&part, archive.bytes, cut);
    REFUSE(&part, CORRUPT, "cut short");
  }
  test_archive longer = {0};
  tar_put(&longer, archive.bytes, archive.length);
  tar_put(&longer, archive.bytes, archive.length);
  REFUSE(&longer, CORRUPT, "follows the archive's end at byte 3072", "several archives");
  free(archive.bytes);
}

static void extra_headers_that_lie(void **state) {
  (void)state;
  static const char *const records[] = {
      "12 path=p.q", "11 path=p.q\n", "13 path=p.q\n",  "x path=p\n",       "5 ab\n",
      "3 \n",        "0 path=p.q\n",  "99999999 p=q\n", "14 size=0x10\n\n", "path=p.q\n"};
  for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
    test_archive archive = {0};
    tar_add_kind(&archive, "pax", records[i], strlen(records[i]), 'x');
    tar_add_text(&archive, "a", "content");
    tar_end(&archive);
    REFUSE(&archive, CORRUPT, "extra header at byte 0");
  }
  test_archive archive = {0};
  char *name = calloc(1, 5000);
  assert_non_null(name);
  memset(name, 'n', 4999);
  tar_add_kind(&archive, "long", name, 5000, 'L');
  tar_add_text(&archive, "a", "content");
  tar_end(&archive);
  REFUSE(&archive, CORRUPT, "name that is too long");
  free(name);
  name = calloc(1, (1 << 20) + 1);
  assert_non_null(name);
  tar_add_kind(&archive, "long", name, (1 << 20) + 1, 'K');
  tar_add_text(&archive, "a", "content");
  tar_end(&archive);
  REFUSE(&archive, CORRUPT, "more than 2^20 bytes");
  free(name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_and_folders),
      cmocka_unit_test(long_names),
      cmocka_unit_test(other_spellings_of_sizes),
      cmocka_unit_test(names_that_lead_out),
      cmocka_unit_test(what_is_no_file),
      cmocka_unit_test(damage),
      cmocka_unit_test(cuts),
      cmocka_unit_test(extra_headers_that_lie),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
