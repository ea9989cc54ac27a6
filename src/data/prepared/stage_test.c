#include "data/prepared/stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "data/test_files.h"

/* Names in the test's folder that hold the word. */
static int count_names(const char *word) {
  DIR *folder = opendir(test_folder);
  int found = 0;
  assert_non_null(folder);
  for (struct dirent *entry; (entry = readdir(folder));) found += strstr(entry->d_name, word) != 0;
  closedir(folder);
  return found;
}

static void put_file(const ddla_stage *stage, const char *text) {
  char path[600];
  snprintf(path, sizeof path, "%s/file", ddla_stage_path(stage));
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void all_or_nothing(void **state) {
  (void)state;
  ddla_stage *stage = NULL;
  CHECK_OK(ddla_stage_create(&stage, test_path("one/deep/set/")));
  put_file(stage, "x");
  assert_int_not_equal(access(test_path("one/deep/set"), F_OK), 0);
  CHECK_OK(ddla_stage_commit(stage));
  ddla_stage_destroy(stage);
  assert_int_equal(access(test_path("one/deep/set/file"), F_OK), 0);
  stage = NULL;
  CHECK_OK(ddla_stage_create(&stage, test_path("two")));
  put_file(stage, "x");
  assert_int_equal(count_names("two"), 1);
  ddla_stage_destroy(stage);
  assert_int_equal(count_names("two"), 0);
}

static void the_second_comes_too_late(void **state) {
  (void)state;
  ddla_stage *first = NULL, *second = NULL;
  CHECK_OK(ddla_stage_create(&first, test_path("both")));
  CHECK_OK(ddla_stage_create(&second, test_path("both"))); /* the first one's is in use */
  assert_string_not_equal(ddla_stage_path(first), ddla_stage_path(second));
  put_file(first, "first");
  put_file(second, "second");
  CHECK_OK(ddla_stage_commit(second));
  CHECK_FAILURE(ddla_stage_commit(first), INVALID, "both was made by another process");
  ddla_stage_destroy(first);
  ddla_stage_destroy(second);
  assert_int_equal(count_names("both"), 1);
  char text[16] = "";
  FILE *file = fopen(test_path("both/file"), "r");
  assert_non_null(file);
  assert_non_null(fgets(text, sizeof text, file));
  fclose(file);
  assert_string_equal(text, "second");
}

/* A process that was killed leaves its directory; the next one for this target removes it, but not
 * those of other targets and not those in use. */
static void what_the_dead_leave(void **state) {
  (void)state;
  ddla_stage *stage = NULL;
  pid_t child = fork();
  if (child == 0) {
    if (ddla_stage_create(&stage, test_path("dead")) != DDLA_OK) _exit(1);
    put_file(stage, "x");
    _exit(0);
  }
  int how = -1;
  assert_int_equal(waitpid(child, &how, 0), child);
  assert_int_equal(how, 0);
  make_directory("deader.tmp-1-0");
  assert_int_equal(count_names("dead.tmp-"), 1);
  CHECK_OK(ddla_stage_create(&stage, test_path("dead")));
  assert_int_equal(count_names("dead.tmp-"), 1); /* its own */
  ddla_stage_destroy(stage);
  assert_int_equal(count_names("dead"), 1);
  assert_int_equal(count_names("deader"), 1);
}

static void bad_targets(void **state) {
  (void)state;
  ddla_stage *stage = NULL;
  CHECK_FAILURE(ddla_stage_create(&stage, "/"), INVALID, "cannot be the directory");
  CHECK_FAILURE(ddla_stage_create(&stage, ""), INVALID, "cannot be the directory");
  write_text("file", "x");
  CHECK_FAILURE(ddla_stage_create(&stage, test_path("file/set")), INVALID, "file");
  assert_null(stage);
  CHECK_OK(ddla_stage_create(&stage, test_path("file")));
  CHECK_FAILURE(ddla_stage_commit(stage), INVALID, "another process");
  ddla_stage_destroy(stage);
  assert_int_equal(count_names("file"), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_or_nothing), cmocka_unit_test(the_second_comes_too_late),
      cmocka_unit_test(what_the_dead_leave), cmocka_unit_test(bad_targets)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
