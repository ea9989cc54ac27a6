#include "mpi/starter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The words are these, with '|' between them. */
static void expect_words(const ddla_mpi_words *words, const char *wanted) {
  char all[1024] = "";
  size_t used = 0;
  for (int i = 0; i < words->count; i++)
    used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? "|" : "", words->word[i]);
  assert_string_equal(all, wanted);
  assert_null(words->word[words->count]);
}

static void expect_split(const char *text, const char *wanted) {
  ddla_mpi_words words = {.count = 0};
  assert_int_equal(ddla_mpi_words_split(&words, text), DDLA_OK);
  expect_words(&words, wanted);
}

static void words_are_split_as_by_a_shell(void **state) {
  (void)state;
  expect_split("", "");
  expect_split("  mpirun\t-x  A ", "mpirun|-x|A");
  expect_split("mpirun --mca plm_rsh_agent '/a b/netlab rsh' -v",
               "mpirun|--mca|plm_rsh_agent|/a b/netlab rsh|-v");
  expect_split("a\"b c\"d'e\"f' g\\ h \"i\\\"j\" 'k\\l'", "ab cde\"f|g h|i\"j|k\\l");
  expect_split("'' a", "|a");
  ddla_mpi_words words = {.count = 0};
  assert_int_equal(ddla_mpi_words_split(&words, "mpirun 'a b"), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "quote is not closed"));
}

static void there_is_room_for_so_many_words(void **state) {
  (void)state;
  static ddla_mpi_words words;
  static char text[2 * DDLA_MPI_WORDS_BYTES];
  words = (ddla_mpi_words){.count = 0};
  for (int i = 0; i < DDLA_MPI_WORDS_MAX; i++)
    assert_int_equal(ddla_mpi_words_add(&words, "w"), DDLA_OK);
  assert_int_equal(ddla_mpi_words_add(&words, "w"), DDLA_INVALID);
  words = (ddla_mpi_words){.count = 0};
  memset(text, 'a', sizeof text - 1);
  assert_int_equal(ddla_mpi_words_split(&words, text), DDLA_INVALID);
  assert_int_equal(ddla_mpi_words_add(&words, text), DDLA_INVALID);
  text[DDLA_MPI_WORDS_BYTES - 1] = '\0';
  assert_int_equal(ddla_mpi_words_add(&words, text), DDLA_OK);
  assert_int_equal(ddla_mpi_words_add(&words, ""), DDLA_INVALID);
}

static void a_launcher_is_known_by_its_version(void **state) {
  (void)state;
  assert_string_equal(ddla_mpi_starter_library("mpirun (Open MPI) 4.1.5\n"), "openmpi");
  assert_string_equal(ddla_mpi_starter_library("mpirun.openmpi (OpenRTE) 4.1.4\n"), "openmpi");
  assert_string_equal(ddla_mpi_starter_library("HYDRA build details:\n    Version: 4.0.2\n"),
                      "mpich");
  assert_null(ddla_mpi_starter_library("slurm 22.05.8"));
  assert_null(ddla_mpi_starter_library(""));
}

static void each_launcher_has_its_line(void **state) {
  (void)state;
  static const char *const hosts[] = {"h0", "h1.lab"}, *const command[] = {"/bin/ddla", "doctor",
                                                                           NULL};
  ddla_mpi_words launcher = {.count = 0}, line = {.count = 0};
  assert_int_equal(ddla_mpi_words_split(&launcher, "mpirun --mca a b"), DDLA_OK);
  const ddla_mpi_start_line open = {&launcher, "openmpi", hosts, 2, command};
  assert_int_equal(ddla_mpi_starter_line(&line, &open), DDLA_OK);
  expect_words(&line, "mpirun|--mca|a|b|--host|h0:1,h1.lab:1|-n|2|--bind-to|none|/bin/ddla|doctor");
  line = (ddla_mpi_words){.count = 0};
  const ddla_mpi_start_line hydra = {&launcher, "mpich", hosts + 1, 1, command};
  assert_int_equal(ddla_mpi_starter_line(&line, &hydra), DDLA_OK);
  expect_words(&line, "mpirun|--mca|a|b|-hosts|h1.lab:1|-n|1|/bin/ddla|doctor");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_split_as_by_a_shell),
      cmocka_unit_test(there_is_room_for_so_many_words),
      cmocka_unit_test(a_launcher_is_known_by_its_version),
      cmocka_unit_test(each_launcher_has_its_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
