#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/xxh3.h"

static char folder[] = "/tmp/ddla-file-test-XXXXXX";
static char place[256];

static const char *in_folder(const char *name) {
  snprintf(place, sizeof place, "%s/%s", folder, name);
  return place;
}

static int entries(void) {
  int count = 0;
  DIR *directory = opendir(folder);
  while (readdir(directory)) count++;
  closedir(directory);
  return count - 2;
}

static void reads_what_was_written(void **state) {
  (void)state;
  enum { BYTES = 700 * 1000 };
  char *data = malloc(BYTES), *back = NULL, sha256[65] = "", again[65] = "";
  size_t bytes = 0;
  for (int i = 0; i < BYTES; i++) data[i] = (char)(i * 7 + i / 251);
  ddla_file_writer *writer = NULL;
  assert_int_equal(ddla_file_create(&writer, in_folder("data"), true), DDLA_OK);
  for (size_t at = 0, step = 1; at < BYTES; at += step, step = step * 3 + 1) {
    if (step > BYTES - at) step = BYTES - at;
    assert_int_equal(ddla_file_append(writer, data + at, step), DDLA_OK);
  }
  assert_int_equal(access(in_folder("data"), F_OK), -1);
  assert_int_equal(ddla_file_commit(sha256, writer), DDLA_OK);
  ddla_file_destroy(writer);
  assert_int_equal(entries(), 1);
  assert_int_equal(ddla_file_read(&back, &bytes, in_folder("data"), BYTES), DDLA_OK);
  assert_int_equal(bytes, BYTES);
  assert_memory_equal(data, back, BYTES);
  assert_int_equal(back[bytes], 0);
  assert_int_equal(ddla_sha256_of_file(again, in_folder("data")), DDLA_OK);
  assert_string_equal(sha256, again);
  ddla_free(back);
  assert_int_equal(ddla_file_read(&back, &bytes, in_folder("data"), BYTES - 1), DDLA_INVALID);
  free(data);
  unlink(in_folder("data"));
}

static void reads_a_pipe(void **state) {
  (void)state;
  enum { BYTES = 300 * 1000 };
  char command[512], *data = NULL;
  size_t bytes = 0;
  assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
  pid_t child = fork();
  if (child == 0) {
    FILE *file = fopen(place, "w");
    for (int i = 0; file && i < BYTES; i++) fputc(i & 127, file);
    _exit(file ? fclose(file) : 1);
  }
  snprintf(command, sizeof command, "%s", place);
  assert_int_equal(ddla_file_read(&data, &bytes, command, 1 << 20), DDLA_OK);
  assert_int_equal(bytes, BYTES);
  assert_int_equal(data[BYTES - 1], (BYTES - 1) & 127);
  ddla_free(data);
  unlink(command);
}

static void names_path_and_reason(void **state) {
  (void)state;
  char *data = NULL;
  size_t bytes = 0;
  assert_int_equal(ddla_file_read(&data, &bytes, "/nowhere/x", 10), DDLA_INVALID);
  assert_string_equal(ddla_status_message(DDLA_INVALID),
                      "cannot open /nowhere/x: No such file or directory");
  assert_int_equal(ddla_file_read(&data, &bytes, "/tmp", 10), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "Is a directory"));
  assert_int_equal(ddla_file_read(&data, &bytes, "/dev/zero", 1000), DDLA_INVALID);
  assert_int_equal(ddla_file_write("/nowhere/x", "a", 1), DDLA_INVALID);
  assert_int_equal(ddla_file_write("/proc/x", "a", 1), DDLA_INVALID);
  assert_int_equal(ddla_file_make_directory("/proc/x/y"), DDLA_INVALID);
  assert_null(data);
}

static void keeps_the_old_file_until_the_commit(void **state) {
  (void)state;
  char *data = NULL;
  size_t bytes = 0;
  ddla_file_writer *writer = NULL;
  assert_int_equal(ddla_file_write(in_folder("kept"), "old", 3), DDLA_OK);
  assert_int_equal(ddla_file_create(&writer, in_folder("kept"), false), DDLA_OK);
  assert_int_equal(ddla_file_append(writer, "newer", 5), DDLA_OK);
  ddla_file_destroy(writer);
  assert_int_equal(entries(), 1);
  assert_int_equal(ddla_file_read(&data, &bytes, in_folder("kept"), 10), DDLA_OK);
  assert_string_equal(data, "old");
  ddla_free(data);
  assert_int_equal(ddla_file_write(in_folder("kept"), "newer", 5), DDLA_OK);
  assert_int_equal(ddla_file_read(&data, &bytes, in_folder("kept"), 10), DDLA_OK);
  assert_string_equal(data, "newer");
  ddla_free(data);
  unlink(in_folder("kept"));
}

static void leaves_nothing_on_a_full_disk(void **state) {
  (void)state;
  struct rlimit before, low = {100 * 1000, 0};
  getrlimit(RLIMIT_FSIZE, &before);
  low.rlim_max = before.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  char *data = calloc(1, 1 << 20);
  for (size_t bytes = 1 << 20; bytes > 150 * 1000; bytes /= 2) {
    setrlimit(RLIMIT_FSIZE, &low);
    ddla_status status = ddla_file_write(in_folder("big"), data, bytes);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, DDLA_DISK_FULL);
    assert_int_equal(entries(), 0);
  }
  free(data);
}

static void makes_and_removes_directories(void **state) {
  (void)state;
  char deep[300];
  snprintf(deep, sizeof deep, "%s/a/b/", folder);
  assert_int_equal(ddla_file_make_directory(deep), DDLA_OK);
  assert_int_equal(ddla_file_make_directory(deep), DDLA_OK);
  snprintf(deep, sizeof deep, "%s/a/b/c", folder);
  assert_int_equal(ddla_file_write(deep, "x", 1), DDLA_OK);
  assert_int_equal(ddla_file_make_directory(deep), DDLA_INVALID);
  assert_int_equal(ddla_file_remove_directory(in_folder("a")), DDLA_INVALID);
  assert_int_equal(ddla_file_remove_directory(in_folder("a/b")), DDLA_OK);
  assert_int_equal(ddla_file_remove_directory(in_folder("a")), DDLA_OK);
  assert_int_equal(ddla_file_remove_directory(in_folder("a")), DDLA_OK);
  assert_int_equal(entries(), 0);
}

static void writes_the_beginning_once_more(void **state) {
  (void)state;
  static char data[600000]; /* more than is kept in memory */
  ddla_file_writer *writer = NULL;
  char *read = NULL, path[256];
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s", in_folder("twice"));
  memset(data, 'a', sizeof data);
  assert_int_equal(ddla_file_create(&writer, path, false), DDLA_OK);
  assert_int_equal(ddla_file_append(writer, data, sizeof data - 10), DDLA_OK);
  assert_int_equal(ddla_file_rewrite(writer, "begin", 5), DDLA_OK);
  assert_int_equal(ddla_file_append(writer, data, 10), DDLA_OK);
  assert_int_equal(ddla_file_commit(NULL, writer), DDLA_OK);
  ddla_file_destroy(writer);
  assert_int_equal(ddla_file_read(&read, &bytes, path, sizeof data), DDLA_OK);
  memcpy(data, "begin", 5);
  assert_int_equal(bytes, sizeof data);
  assert_memory_equal(read, data, sizeof data);
  ddla_free(read);
  assert_int_equal(unlink(path), 0);
}

static void digests_match_known_answers(void **state) {
  (void)state;
  char text[65];
  ddla_sha256_of(text, "abc", 3); /* FIPS 180-4 example */
  assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ddla_xxh128_of(text, "", 0); /* the library's own sanity value for an empty input */
  assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
  assert_true(ddla_xxh3_of("", 0) == UINT64_C(0x2d06800538d394c2)); /* likewise */
  ddla_xxh128 *running = NULL;
  assert_int_equal(ddla_xxh128_create(&running), DDLA_OK);
  for (int round = 0; round < 2; round++) { /* as of the whole, and anew */
    char whole[65], data[700];
    for (int i = 0; i < 700; i++) data[i] = (char)(i * 7 + round);
    for (int i = 0; i < 700; i += 175) ddla_xxh128_add(running, data + i, 175);
    ddla_xxh128_finish(text, running);
    ddla_xxh128_of(whole, data, sizeof data);
    assert_string_equal(text, whole);
  }
  ddla_xxh128_destroy(running);
}

static void reads_numbers(void **state) {
  (void)state;
  static const char *const wrong[] = {"",   "-",  "1.", "0x10", "nan",  "inf",
                                      "1e", "1 ", " 1", "010",  "1e999"};
  int64_t whole = 0;
  double real = 0;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_false(ddla_text_to_int(&whole, wrong[i]));
    bool fine = i == 2 || i == 9; /* "1." and "010" are numbers, though no whole ones */
    assert_int_equal(ddla_text_to_real(&real, wrong[i]), fine);
  }
  assert_true(ddla_text_to_int(&whole, "-9223372036854775808") && whole == INT64_MIN);
  assert_false(ddla_text_to_int(&whole, "9223372036854775808"));
  assert_true(ddla_text_to_real(&real, "-.5e-1") && real == -0.05);
}

static void writes_the_shortest_number(void **state) {
  (void)state;
  char text[DDLA_TEXT_REAL_BYTES];
  double values[] = {0.1, 1e-8, 1.0 / 3, 5e-324, -1.7976931348623157e308, 128, 0};
  const char *texts[] = {"0.1", "1e-08", "0.3333333333333333", NULL, "-1.7976931348623157e+308",
                         "128", "0"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    double back = -1;
    ddla_text_from_real(text, values[i]);
    assert_true(ddla_text_to_real(&back, text) && back == values[i]);
    if (texts[i]) assert_string_equal(text, texts[i]);
  }
}

static void finds_broken_utf8(void **state) {
  (void)state;
  static const char *const broken[] = {"\xff",     "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                       "\xe2\x82", "\x80",     "\xe0\x80\x80", "\xf0\x80\x80\x80"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    assert_int_equal(ddla_text_utf8_end(broken[i], strlen(broken[i])), 0);
  }
  const char *good = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf";
  assert_int_equal(ddla_text_utf8_end(good, strlen(good)), strlen(good));
  assert_string_equal(ddla_text_quote("a\n\x1b\xff"
                                      "b")
                          .text,
                      "'a???b'");
}

static void measures_likeness(void **state) {
  (void)state;
  assert_int_equal(ddla_text_distance("batch", "batch"), 0);
  assert_int_equal(ddla_text_distance("bacth", "batch"), 1);
  assert_int_equal(ddla_text_distance("kitten", "sitting"), 3);
  assert_int_equal(ddla_text_distance("", "abc"), 3);
  assert_true(ddla_text_is_near("learnin_rate", "learning_rate"));
  assert_false(ddla_text_is_near("x", "shards"));
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_was_written),
      cmocka_unit_test(reads_a_pipe),
      cmocka_unit_test(names_path_and_reason),
      cmocka_unit_test(keeps_the_old_file_until_the_commit),
      cmocka_unit_test(leaves_nothing_on_a_full_disk),
      cmocka_unit_test(makes_and_removes_directories),
      cmocka_unit_test(writes_the_beginning_once_more),
      cmocka_unit_test(digests_match_known_answers),
      cmocka_unit_test(reads_numbers),
      cmocka_unit_test(writes_the_shortest_number),
      cmocka_unit_test(finds_broken_utf8),
      cmocka_unit_test(measures_likeness),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
